"""The local job in DuckDB: newline-delimited JSON into objects by event type, compressed with zstd.

    duckdb_job.py EVENTS LAKE

runs on all cores, with DuckDB's defaults. It needs the package `duckdb`.
"""

import sys

import duckdb

# The columns of the events of all measurements, so that DuckDB does not have to infer them.
COLUMNS = """{
    event_uuid: 'VARCHAR', event_name: 'VARCHAR', created_at: 'BIGINT', user_id: 'BIGINT',
    session: 'VARCHAR', locale: 'VARCHAR', amount: 'DOUBLE', page: 'VARCHAR'
}"""

# Without the extension, DuckDB names a compressed object `data_0.json`.
JOB = """
COPY (
    SELECT
        * EXCLUDE (names),
        strftime(make_timestamp(created_at * 1000000), '%Y-%m-%dT%H:%M:%SZ') AS created_datetime,
        names[1] AS event_type,
        names[2] AS event_subtype
    FROM (
        SELECT *, string_split(event_name, ':') AS names
        FROM read_json({events}, format = 'newline_delimited', columns = {columns})
    )
) TO {lake} (
    FORMAT json, COMPRESSION zstd, FILE_EXTENSION 'json.zst',
    PARTITION_BY (event_type), WRITE_PARTITION_COLUMNS true
)
"""


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def main(events, lake):
    duckdb.execute(JOB.format(events=quoted(events), lake=quoted(lake), columns=COLUMNS))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
