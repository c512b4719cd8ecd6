"""Sets up the services of a catalog, or reads a table through it as others do, and prints one line of JSON.

usage: catalogs.py ENDPOINT ACTION [ARGUMENT]

ENDPOINT has S3, Glue, S3 Tables and a REST catalog. Credentials, endpoints and the region of AWS, us-east-1, are in the
environment. Actions:

setup            create the bucket `warehouse` and a table bucket; prints the ARN
second NAME      give the table in Glue a second name, as a rename does that is killed
other NAME       create a table in Glue that is none of Iceberg
columns          the types of the columns as the entry of the table in Glue has them
note             add a parameter to the entry of the table in Glue
parameters       the parameters of this entry
read CATALOG     the names of the columns and the ids of the events, in each reader. CATALOG is `glue`, or the ARN of a
                 table bucket
"""

import glob
import json
import os
import sys
import sysconfig

import boto3
import duckdb
from pyiceberg.catalog import load_catalog

NAME = "sluice.events"


def connect(endpoint):
    """DuckDB with its extensions, from the packages that are installed, and its access to S3."""
    packages = sysconfig.get_paths()["purelib"]
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in ("avro", "httpfs", "iceberg"):
        (file,) = glob.glob(f"{packages}/duckdb_extension_{name}/extensions/*/{name}.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    host = endpoint.removeprefix("http://")
    connection.execute(f"""CREATE SECRET (TYPE s3, KEY_ID '{os.environ["AWS_ACCESS_KEY_ID"]}',
        SECRET '{os.environ["AWS_SECRET_ACCESS_KEY"]}', REGION '{os.environ["AWS_REGION"]}',
        ENDPOINT '{host}', URL_STYLE 'path', USE_SSL false)""")
    return connection


def setup(_, __):
    boto3.client("s3").create_bucket(Bucket="warehouse")
    return {"arn": boto3.client("s3tables").create_table_bucket(name="tables")["arn"]}


def second(_, name):
    glue = boto3.client("glue")
    table = entry()
    members = ("Parameters", "StorageDescriptor", "TableType")
    copy = {"Name": name, **{member: table[member] for member in members}}
    glue.create_table(DatabaseName="sluice", TableInput=copy)
    return {}


def other(_, name):
    boto3.client("glue").create_table(DatabaseName="sluice", TableInput={"Name": name, "TableType": "EXTERNAL_TABLE"})
    return {}


def entry():
    return boto3.client("glue").get_table(DatabaseName="sluice", Name="events")["Table"]


def columns(_, __):
    return {column["Name"]: column["Type"] for column in entry()["StorageDescriptor"]["Columns"]}


def note(_, __):
    table = entry()
    members = ("Name", "StorageDescriptor", "TableType")
    noted = {"Parameters": table["Parameters"] | {"team": "web"}, **{member: table[member] for member in members}}
    boto3.client("glue").update_table(DatabaseName="sluice", TableInput=noted)
    return {}


def parameters(_, __):
    return entry()["Parameters"]


def load(endpoint, catalog):
    files = {
        "s3.endpoint": endpoint,
        "s3.access-key-id": os.environ["AWS_ACCESS_KEY_ID"],
        "s3.secret-access-key": os.environ["AWS_SECRET_ACCESS_KEY"],
        "s3.region": os.environ["AWS_REGION"],
    }
    if catalog == "glue":
        return load_catalog("x", type="glue", **{"glue.region": os.environ["AWS_REGION"]}, **files)
    return load_catalog("x", type="rest", uri=f"{endpoint}/iceberg", warehouse=catalog, **files)


def read(endpoint, catalog):
    table = load(endpoint, catalog).load_table(NAME)
    found = table.scan().to_arrow()
    connection = connect(endpoint)
    if catalog == "glue":
        source = f"iceberg_scan('{table.metadata_location}')"
    else:
        connection.execute(
            f"ATTACH '{catalog}' AS ice (TYPE iceberg, ENDPOINT '{endpoint}/iceberg', AUTHORIZATION_TYPE 'none')"
        )
        source = f"ice.{NAME}"
    rows = connection.execute(f"SELECT event_uuid FROM {source}").fetchall()
    columns = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    return {
        "pyiceberg": {"columns": found.column_names, "ids": sorted(found.column("event_uuid").to_pylist())},
        "DuckDB": {"columns": columns, "ids": sorted(row[0] for row in rows)},
    }


def main():
    endpoint, action, *argument = sys.argv[1:]
    actions = {run.__name__: run for run in (setup, second, other, columns, note, parameters, read)}
    result = actions[action](endpoint, argument[0] if argument else None)
    print(json.dumps(result))


main()
