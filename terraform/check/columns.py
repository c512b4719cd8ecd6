#!/usr/bin/env python3
"""Compares the columns of the table, which Terraform derives from a schema, with a plain translation of its types.

The schema has one column of each kind, nested ones, names that are JSON syntax, and many columns of types that are
made at random, always the same ones.

Usage: columns.py TERRAFORM. Ends with 0 or 1.
"""

import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from module import FOLDER

SCALARS = {
    "boolean": "boolean",
    "long": "bigint",
    "double": "double",
    "decimal(18,2)": "decimal(18,2)",
    "decimal( 38 , 0 )": "decimal(38,0)",
    "string": "string",
    "timestamp(3)": "timestamp",
    "timestamp(6, +00:00)": "timestamp",
    "date": "date",
    "uuid": "string",
    "binary": "binary",
    "json": "string",
}
NAMES = ["a", "UserId", "user_id", "straße", "0", "long", "list", "map", "struct", "type", "name", "doc", "path"]
DOCS = [None, "", 'a "doc": "x", }]} \\', "two\nlines\tof <text>", "é" * 300]
# Hive cannot read these in a struct. Columns may have them.
ODD_NAMES = ["a-b", "a b", "a:b", "a,b", 'a"b', "a\\", "},", "}]}", '{"list":', '","type":"long"},{"name":"x', "<", "a>b"]

ROW = {"_rest": "string", "_shard": "string", "_chunk": "string", "_line": "bigint"}

HOST = FOLDER.parent / "host"

MAIN = """
output "columns" { value = local.table_columns }
output "untyped" { value = local.untyped_columns }
"""


def builtin_columns():
    """Those of the program for a lake without a schema, but for the partition."""
    text = (HOST / "src/format/parquet/mod.rs").read_text()
    columns = dict(re.findall(r'\("(\w+)", ColumnType::(\w+)\)', text))
    del columns["event_type"]
    return {name: column_type.lower() for name, column_type in columns.items()}


def unknown_types():
    """Types of the program that are not tried here."""
    text = (HOST / "crates/schema/src/column_type.rs").read_text()
    names = set(re.findall(r'Self::\w+(?:\(_\)| \{ \.\. \})? => "(\w+)",', text))
    known = {re.match(r"\w+", name).group() for name in SCALARS} | {"list", "map", "struct"}
    return names ^ known


def made(rng, depth, names):
    """A type, and what Hive calls it; None if a name cannot be in Hive."""
    kind = rng.choice(["scalar", "list", "map", "struct"]) if depth else "scalar"
    if kind == "scalar":
        return rng.choice(list(SCALARS.items()))
    if kind == "struct":
        columns, hive = [], []
        for name in rng.sample(names, rng.randint(1, 4)):
            part, translated = made(rng, depth - 1, names)
            columns.append(column(rng, name, part))
            fits = translated is not None and name not in ODD_NAMES
            hive.append(f"{name.lower()}:{translated}" if fits else None)
        return {"struct": columns}, None if None in hive else f"struct<{','.join(hive)}>"
    part, translated = made(rng, depth - 1, names)
    before = "array<" if kind == "list" else "map<string,"
    return {kind: part}, None if translated is None else f"{before}{translated}>"


def column(rng, name, column_type):
    """A column with its members in any order, and with a path and a description or without."""
    members = [("name", name), ("type", column_type)]
    if rng.random() < 0.3:
        members.append(("path", rng.sample(NAMES + ODD_NAMES, rng.randint(1, 3))))
    doc = rng.choice(DOCS)
    if doc is not None:
        members.append(("doc", doc))
    rng.shuffle(members)
    return dict(members)


def deepest():
    """32 levels, the most that a schema has."""
    column_type, hive = "long", "bigint"
    for level in range(32):
        if level % 3 == 0:
            column_type, hive = {"list": column_type}, f"array<{hive}>"
        elif level % 3 == 1:
            column_type, hive = {"map": column_type}, f"map<string,{hive}>"
        else:
            column_type, hive = {"struct": [{"name": "a", "type": column_type}]}, f"struct<a:{hive}>"
    return column_type, hive


def schema(rng):
    """The columns of a schema, and the types of those that the table has; None for those that it leaves out."""
    types = [*SCALARS.items(), deepest()]
    types += [made(rng, depth, names) for depth in range(6) for names in (NAMES, NAMES + ODD_NAMES) for _ in range(40)]
    columns, hive = [], {}
    for number, (column_type, translated) in enumerate(types):
        name = f"C{number}" if number >= len(ODD_NAMES) else ODD_NAMES[number]
        columns.append(column(rng, name, column_type))
        hive[name.lower()] = translated
    columns += [column(rng, name, "string") for name in ("event_type", "Date")]
    return columns, hive


def evaluate(terraform, folder, values):
    """What Terraform makes of these variables."""
    (folder / "terraform.tfvars").write_text('region = "us-east-1"\n' + values)
    command = [terraform, "apply", "-auto-approve", "-input=false", "-no-color"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"columns: {values}: {done.stdout}{done.stderr}")
    printed = subprocess.run([terraform, "output", "-json"], cwd=folder, capture_output=True, text=True, check=True)
    outputs = json.loads(printed.stdout)
    return outputs["columns"]["value"], set(outputs["untyped"]["value"]), done.stdout + done.stderr


def differences(what, found, expected):
    types = {each["name"]: each["type"] for each in found}
    if len(types) != len(found):
        yield f"{what}: a name occurs twice"
    for name in sorted(types.keys() | expected.keys()):
        if types.get(name) != expected.get(name):
            yield f"{what}: {name!r} is {types.get(name)}, expected {expected.get(name)}"
    for each in found:
        comment = each.get("comment") or ""
        if len(comment) > 255 or re.search(r"[\x00-\x1f]", comment):
            yield f"{what}: {each['name']!r} has a comment that Glue does not take: {comment!r}"


def main():
    terraform, builtin = sys.argv[1], builtin_columns()
    faults = [f"the type {name} is in the program or here only" for name in sorted(unknown_types())]
    columns, hive = schema(random.Random(7))
    left_out = {name for name, translated in hive.items() if translated is None}
    typed = {name: translated for name, translated in hive.items() if translated is not None}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in [*FOLDER.glob("variables*.tf"), FOLDER / "catalog_columns.tf"]:
            shutil.copy(file, folder)
        (folder / "main.tf").write_text(MAIN)
        (folder / "schema.json").write_text(json.dumps({"version": 1, "columns": columns}))
        parquet = 'format = "parquet"\n'
        for what, values, expected, untyped in (
            ("lines", 'extra_columns = [{ name = "x", type = "int" }]\n', builtin | {"x": "int"}, set()),
            ("Parquet", parquet, builtin | ROW, set()),
            ("a schema", parquet + 'schema = "schema.json"\n', typed | {"date": "string"} | ROW, left_out),
            ("by date", parquet + 'schema = "schema.json"\npartition_by_date = true\n', typed | ROW, left_out),
        ):
            found, left, output = evaluate(terraform, folder, values)
            faults += differences(what, found, expected)
            if left != untyped:
                faults.append(f"{what}: leaves out {sorted(left)}, expected {sorted(untyped)}")
            if ("The table leaves out" in output) != bool(untyped):
                faults.append(f"{what}: says nothing of the columns that it leaves out, or something of none")
    for fault in faults:
        print(f"columns: {fault}", file=sys.stderr)
    if not faults:
        print(f"columns: {len(typed)} types translated, {len(left_out)} left out: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
