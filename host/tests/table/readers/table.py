"""Reads or changes a table as others do, and prints one line of JSON.

usage: table.py CATALOG METADATA ACTION [ARGUMENT]

CATALOG is the file of the catalog, or the URL of a REST catalog, METADATA the present metadata of the table. Actions:

read             the types and the rows by `_shard`, `_chunk`, `_line` and the id: of each, `n` and the text of `_rest`
count SNAPSHOT   the number of rows of a snapshot
attached         the number of rows, each reader by the name of the table in a REST catalog
plan FILTER      the files that pyiceberg plans for a filter, and the number of rows that it has in each reader
append           append one row, whose `_shard` is `foreign`
append_unknown   append one row without `_shard`
property         set a property of the table
expire SNAPSHOT  expire all snapshots but this one
rollback SNAPSHOT, set SNAPSHOT  make it the present one
"""

import glob
import json
import sys
import sysconfig

import duckdb
import pyarrow
from pyiceberg.catalog import load_catalog
from pyiceberg.types import StringType

NAME = "sluice.events"


def connect(*more):
    """DuckDB with its extension for Iceberg, and with more, from the packages that are installed."""
    packages = sysconfig.get_paths()["purelib"]
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in (*more, "avro", "iceberg"):
        (file,) = glob.glob(f"{packages}/duckdb_extension_{name}/extensions/*/{name}.duckdb_extension")
        connection.execute(f"LOAD '{file}'")
    return connection


def rows_of(rows):
    """`n` and `_rest` of each row, by where it comes from."""
    return {f"{shard} {chunk} {line} {uuid}": [n, rest] for shard, chunk, line, uuid, n, rest in rows}


COLUMNS = ["_shard", "_chunk", "_line", "event_uuid", "n", "_rest"]


def text(value):
    return None if value is None else str(value)


def read(table, metadata, _):
    found = table.scan().to_arrow()
    rows = zip(*(found.column(name).to_pylist() for name in COLUMNS))
    rows = [[*row[:4], text(row[4]), row[5]] for row in rows]
    types = {field.name: str(field.field_type) for field in table.schema().fields}
    pyiceberg = {"count": found.num_rows, "types": types, "rows": rows_of(rows)}
    connection = connect()
    names = ", ".join(COLUMNS).replace(" n,", " n::VARCHAR,")
    rows = connection.execute(f"SELECT {names} FROM iceberg_scan('{metadata}')").fetchall()
    types = connection.execute(f"DESCRIBE SELECT * FROM iceberg_scan('{metadata}')").fetchall()
    types = {row[0]: row[1] for row in types}
    return {"pyiceberg": pyiceberg, "DuckDB": {"count": len(rows), "types": types, "rows": rows_of(rows)}}


def count(table, metadata, snapshot):
    scan = f"iceberg_scan('{metadata}', snapshot_from_id => {snapshot})"
    (rows,) = connect().execute(f"SELECT count(*) FROM {scan}").fetchone()
    return {"pyiceberg": table.scan(snapshot_id=int(snapshot)).to_arrow().num_rows, "DuckDB": rows}


def attached(table, *_):
    connection = connect("httpfs")
    endpoint = table.catalog.uri
    connection.execute(f"ATTACH '' AS rest (TYPE iceberg, ENDPOINT '{endpoint}', AUTHORIZATION_TYPE 'none')")
    (rows,) = connection.execute(f"SELECT count(*) FROM rest.{NAME}").fetchone()
    return {"pyiceberg": table.scan().to_arrow().num_rows, "DuckDB": rows}


def plan(table, metadata, row_filter):
    scan = table.scan(row_filter=row_filter)
    query = f"SELECT count(*) FROM iceberg_scan('{metadata}') WHERE {row_filter}"
    (rows,) = connect().execute(query).fetchone()
    return {"files": len(list(scan.plan_files())), "pyiceberg": scan.to_arrow().num_rows, "DuckDB": rows}


def append(table, *_):
    append_row(table, "foreign")


def append_unknown(table, *_):
    append_row(table, None)


def append_row(table, shard):
    row = table.scan(limit=1).to_arrow().to_pylist()[0]
    row["_shard"] = shard
    table.append(pyarrow.Table.from_pylist([row], schema=table.schema().as_arrow()))


def set_property(table, *_):
    with table.transaction() as transaction:
        transaction.set_properties({"owner": "somebody else"})


def expire(table, _, snapshot):
    others = [s.snapshot_id for s in table.snapshots() if s.snapshot_id != int(snapshot)]
    table.maintenance.expire_snapshots().by_ids(others).commit()


def rollback(table, _, snapshot):
    table.manage_snapshots().rollback_to_snapshot(int(snapshot)).commit()


def set_current(table, _, snapshot):
    table.manage_snapshots().set_current_snapshot(int(snapshot)).commit()


def rename(table, _, column):
    with table.update_schema() as update:
        update.rename_column(column, column + "_before")


def add(table, _, column):
    with table.update_schema() as update:
        update.add_column(column, StringType())


ACTIONS = {
    "rename": rename,
    "add": add,
    "read": read,
    "count": count,
    "plan": plan,
    "append": append,
    "attached": attached,
    "append_unknown": append_unknown,
    "property": set_property,
    "expire": expire,
    "rollback": rollback,
    "set": set_current,
}


def load(catalog):
    if catalog.startswith("http:"):
        return load_catalog("sluice", type="rest", uri=catalog)
    return load_catalog("sluice", type="sql", uri=f"sqlite:///{catalog}")


def main():
    catalog, metadata, action, *argument = sys.argv[1:]
    table = load(catalog).load_table(NAME)
    argument = argument[0] if argument else None
    print(json.dumps(ACTIONS[action](table, metadata, argument)))


main()
