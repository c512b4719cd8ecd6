"""Reads a lake of Parquet with DuckDB, Polars and pyarrow, by the examples of docs/lake.md, and prints one line of JSON.

usage: read_parquet.py LAKE LAKE.MD

By reader, the line has the types of the columns, and the rows by `_shard`, `_chunk`, `event_type` and `_line`: of each, the
id and the text of `_rest`.
"""

import glob
import json
import re
import sys

import duckdb

PATTERN = "/event_type=*/**/*.parquet"
IN_DOCS = "s3://BUCKET/events" + PATTERN


class Examples:
    """The code of docs/lake.md."""

    def __init__(self, docs):
        text = open(docs, encoding="utf-8").read()
        blocks = re.findall(r"```(sql|python)\n(.*?)```", text, re.DOTALL)
        self.sql = [code for kind, code in blocks if kind == "sql" and IN_DOCS in code]
        (self.polars,) = [code for _, code in blocks if "scan_parquet" in code]
        (self.arrow,) = [code for _, code in blocks if "pyarrow import dataset" in code]

    def duckdb(self, files):
        for example in self.sql:
            duckdb.sql(example.replace(IN_DOCS, files).split(";")[0]).fetchall()
        (source,) = re.findall(r"read_parquet\(.*?hive_partitioning.*?\)(?=;)", "\n".join(self.sql), re.DOTALL)
        rows = duckdb.sql("SELECT * FROM " + source.replace(IN_DOCS, files))
        return dict(zip(rows.columns, map(str, rows.types))), rows_of(rows.columns, rows.fetchall())

    def read_polars(self, files):
        names = {}
        exec(self.polars.replace(IN_DOCS, files), names)  # noqa: S102
        table = names["events"].collect()
        return {name: str(of) for name, of in table.schema.items()}, rows_of(table.columns, table.rows())

    def read_arrow(self, files):
        names = {}
        exec(self.arrow, names)  # noqa: S102
        table = names["read_parquet"](glob.glob(files, recursive=True))
        rows = zip(*(column.to_pylist() for column in table.columns))
        return {field.name: str(field.type) for field in table.schema}, rows_of(table.column_names, rows)


def rows_of(names, rows):
    """The id and `_rest` of each row, by where it comes from."""
    rows = (dict(zip(names, row)) for row in rows)
    place = "{_shard} {_chunk} {event_type} {_line:06}"
    return {place.format(**row): [row["event_uuid"], row["_rest"]] for row in rows}


def main():
    lake, docs = sys.argv[1:]
    examples = Examples(docs)
    readers = {"DuckDB": examples.duckdb, "Polars": examples.read_polars, "pyarrow": examples.read_arrow}
    found = {}
    for name, read in readers.items():
        try:
            types, rows = read(lake + PATTERN)
            found[name] = {"types": types, "rows": rows}
        except Exception as error:  # noqa: BLE001
            found[name] = {"error": str(error)[:500]}
    print(json.dumps(found))


main()
