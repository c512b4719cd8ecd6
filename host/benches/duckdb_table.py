"""The table of a lake in DuckDB: all objects of a lake into Parquet by the day of the events, compressed with zstd.

    duckdb_table.py LAKE TABLE

runs on all cores, with DuckDB's defaults. It needs the package `duckdb`.
"""

import sys

import duckdb

# The columns of the table that Sluice builds, so that DuckDB does not have to infer them.
COLUMNS = """{
    event_uuid: 'VARCHAR', event_name: 'VARCHAR', created_at: 'BIGINT', created_datetime: 'TIMESTAMPTZ',
    event_type: 'VARCHAR', event_subtype: 'VARCHAR', user_id: 'BIGINT', session: 'VARCHAR', locale: 'VARCHAR',
    amount: 'DOUBLE', page: 'VARCHAR'
}"""

JOB = """
COPY (
    SELECT *, created_datetime::DATE AS day
    FROM read_json({events}, format = 'newline_delimited', columns = {columns}, hive_partitioning = false)
) TO {table} (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day))
"""


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def main(lake, table):
    duckdb.execute("SET TimeZone = 'UTC'")
    events = quoted(lake + "/event_type=*/*.ndjson.zst")
    duckdb.execute(JOB.format(events=events, table=quoted(table), columns=COLUMNS))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
