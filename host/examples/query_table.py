"""Reads a table of Sluice with pyiceberg: how many events of each type it has.

    query_table.py WAREHOUSE [NAME]

WAREHOUSE is the folder of the warehouse, with its catalog in `catalog.sqlite`, or the URL of a REST catalog. It needs
`pyiceberg[sql-sqlite,pyarrow]`.
"""

import os
import sys

from pyiceberg.catalog import load_catalog


def open_catalog(warehouse):
    if warehouse.startswith(("http://", "https://")):
        return load_catalog("sluice", type="rest", uri=warehouse)
    folder = os.path.abspath(warehouse)
    return load_catalog("sluice", type="sql", uri=f"sqlite:///{folder}/catalog.sqlite", warehouse=f"file://{folder}")


def main(warehouse, name="sluice.events"):
    table = open_catalog(warehouse).load_table(name)
    types = table.scan(selected_fields=("event_type",)).to_arrow()
    counts = types.group_by("event_type").aggregate([("event_type", "count")])
    counts = counts.sort_by([("event_type_count", "descending"), ("event_type", "ascending")]).to_pylist()
    print(f"{name}: {types.num_rows:,} events of {len(counts)} types; the most frequent:")
    for row in counts[:3]:
        print(f"  {row['event_type_count']:>9,}  {row['event_type']}")


if __name__ == "__main__":
    main(*sys.argv[1:])
