"""Reads a lake with DuckDB, Polars and pyarrow, by the examples of docs/lake.md, and prints one line of JSON.

usage: read_lake.py LAKE LAKE.MD

The line has the number of rows that each example reads from the whole lake, and the lines of the lake that a reader
fails on if the line is all that it reads.
"""

import glob
import json
import re
import subprocess
import sys
import tempfile

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.json

PATTERN = "/event_type=*/**/*.ndjson.zst"
IN_DOCS = "s3://BUCKET/events" + PATTERN


class Examples:
    """The code of docs/lake.md."""

    def __init__(self, docs):
        text = open(docs, encoding="utf-8").read()
        blocks = re.findall(r"```(sql|python)\n(.*?)```", text, re.DOTALL)
        here = [(kind, code) for kind, code in blocks if IN_DOCS in code]
        (self.sql,) = [code for kind, code in here if kind == "sql" and "columns" in code]
        (self.polars,) = [code for kind, code in here if "polars" in code]
        (self.arrow,) = [code for _, code in blocks if "pyarrow import json" in code]

    def duckdb(self, files, more=""):
        """Runs the query, with more columns. All rows are fetched."""
        sql = self.sql.replace(IN_DOCS, files).replace("page: 'VARCHAR'", "page: 'VARCHAR'" + more)
        return len(duckdb.sql(sql.split(";")[0]).fetchall())

    def read_polars(self, files):
        names = {}
        exec(self.polars.replace(IN_DOCS, files), names)  # noqa: S102
        return names["events"].collect().height

    def read_arrow(self, files):
        names = {}
        exec(self.arrow, names)  # noqa: S102
        return sum(names["read"](file).num_rows for file in glob.glob(files, recursive=True))


def readers(examples):
    return {
        "DuckDB": examples.duckdb,
        "DuckDB, with a column that has values of all kinds": lambda files: examples.duckdb(files, ", value: 'JSON'"),
        "Polars": examples.read_polars,
        "pyarrow": examples.read_arrow,
    }


def failures(examples, lake):
    """Each line of the lake that a reader fails on."""
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        file = folder + "/event_type=one/line.ndjson.zst"
        subprocess.run(["mkdir", "-p", folder + "/event_type=one"], check=True)
        for path in glob.glob(lake + PATTERN, recursive=True):
            with pa.input_stream(path, compression="zstd") as stream:
                lines = stream.read().splitlines(keepends=True)
            for line in lines:
                with pa.output_stream(file, compression="zstd") as stream:
                    stream.write(line)
                for name, read in readers(examples).items():
                    try:
                        assert read(folder + PATTERN) == 1, "not one row"
                    except Exception as error:  # noqa: BLE001
                        failed.append([name, line[:300].decode(), str(error)[:300]])
    return failed


def main():
    lake, docs = sys.argv[1:]
    examples = Examples(docs)
    rows = {}
    for name, read in readers(examples).items():
        try:
            rows[name] = read(lake + PATTERN)
        except Exception as error:  # noqa: BLE001
            rows[name] = str(error)[:300]
    print(json.dumps({"rows": rows, "failures": failures(examples, lake)}))


main()
