"""The calls of the builder, and of who manages a table, to the catalogs Glue and S3 Tables.

The methods of a catalog that Sluice uses are found in its source, and the calls of each method are in a table here. For Glue,
the table is compared with Sluice's own catalog. For S3 Tables, a crate of Iceberg makes the calls, and the table is for one
version of it. Where cargo has its source, the table is compared with that.
"""

import os
import re
from pathlib import Path

from module import FOLDER

ROOT = FOLDER.parent

# The version of the crate that the table for S3 Tables is of.
VERSION = "0.10.1"

# Methods of a catalog, with the calls of each.
GLUE = {
    "create_namespace": {"create_database"},
    "create_table": {"create_table"},
    "drop_table": {"delete_table"},
    "get_namespace": {"get_database"},
    "list_tables": {"get_tables"},
    "load_table": {"get_table"},
    "namespace_exists": {"get_database"},
    "purge_table": set(),
    "rename_table": {"create_table", "delete_table", "get_table"},
    "update_table": {"get_table", "update_table"},
}
S3TABLES = {
    "create_namespace": {"create_namespace", "get_namespace"},
    "create_table": {"create_table", "get_table", "update_table_metadata_location"},
    "get_namespace": {"get_namespace"},
    "list_tables": {"list_tables"},
    "load_table": {"get_table"},
    "namespace_exists": {"get_namespace"},
    "purge_table": {"delete_table"},
    "rename_table": {"rename_table"},
    "update_table": {"get_table", "update_table_metadata_location"},
}

# S3 Tables cannot drop a table and keep its files.
DROP = {"s3tables": {"drop_table": "purge_table"}}

# The modules of a builder. Those who manage tables call all others.
BUILDERS = {"table/builder", "table/commit"}
MANAGERS = {"table/leftovers", "table/manage", "table/rebuild"}

# This module has the catalog for Glue. For S3 Tables, it passes calls on, and makes some itself to remove a table whose
# creation was cut off, and to find out whether a table bucket exists, if that is allowed.
CLIENT = "table/catalog"
OWN = {"delete_table", "get_table", "get_table_bucket"}.union(*GLUE.values())

# What reading and writing files is called in a table bucket.
FILES = {"s3tables:GetTableData", "s3tables:PutTableData"}

METHODS = (
    "create_namespace|create_table|drop_namespace|drop_table|get_namespace|list_namespaces|list_tables|load_table|"
    "namespace_exists|purge_table|register_table|rename_table|table_exists|update_namespace|update_table"
)
TESTS = re.compile(r"#\[cfg\(test\)\]\nmod \w+ \{")
USE = re.compile(rf"\bcatalog\s*\.\s*({METHODS})\(")
SERVICES = {
    "glue": (GLUE, re.compile(r"\bclient\s*\.\s*(\w+)\(\)")),
    "s3tables": (S3TABLES, re.compile(r"\bs3tables_client\s*\.(\w+)\(\)")),
}

# Which methods builders use; the check compares it with the source.
BUILD = {"load_table", "update_table"}


def actions(service, methods):
    """The actions of IAM for these methods."""
    table, _ = SERVICES[service]
    names = {DROP.get(service, {}).get(method, method) for method in methods}
    calls = set().union(*(table[name] for name in names))
    return {f"{service}:{call.title().replace('_', '')}" for call in calls}


def policies():
    """Which actions the policies for catalogs have."""
    build, manage = actions("s3tables", BUILD), actions("s3tables", GLUE)
    return {
        "table_builder_glue": actions("glue", BUILD),
        "table_manager_glue": actions("glue", GLUE),
        "table_builder_s3tables": build | FILES | {"kms:Decrypt", "kms:GenerateDataKey"},
        "table_manager_s3tables": manage - build,
    }


def glue_tables(known):
    """To which tables of Glue these actions apply: a builder changes one."""
    everything = {"table_manager_glue": {"*"}, "table_reader_glue": {"*"}}
    tables = {"table_builder_glue": {"${var.table_name}"}} | everything
    return {
        policy: {action: names for action in known[policy] if action.startswith("glue:")}
        for policy, names in tables.items()
    }


def used(sources):
    """Which methods of a catalog each module uses, outside of its tests."""
    found = {}
    for module, text in sources:
        text = TESTS.split(text)[0]
        for method in USE.findall(text):
            found.setdefault(method, set()).add(module)
        if module == CLIENT:
            found.setdefault(CLIENT, set()).update(re.findall(r"\bclient\s*\.\s*([a-z0-9_]+)\(\)", text))
    return found


def check(sources):
    yield from check_source(used(sources))
    yield from check_version()
    for service in SERVICES:
        yield from check_calls(service)


def check_source(found):
    own = found.pop(CLIENT, set()) - {"clone"}
    for call in sorted(own - OWN):
        yield f"{CLIENT} calls {call}; check/catalogs.py does not know why"
    found = {method: modules - {CLIENT} for method, modules in found.items() if modules - {CLIENT}}
    for method, modules in sorted(found.items()):
        for module in sorted(modules - BUILDERS - MANAGERS):
            yield f"{module} calls {method} of a catalog; who makes this call?"
    for method in sorted(found.keys() - GLUE.keys()):
        yield f"of catalogs, Sluice uses {method}, whose calls are not in check/catalogs.py"
    for service in SERVICES:
        needed = actions(service, found.keys() & GLUE.keys())
        for action in sorted(actions(service, GLUE) - needed):
            yield f"no method of a catalog that Sluice uses needs {action}"
    build = {method for method, modules in found.items() if modules & BUILDERS}
    if build != BUILD:
        yield f"of catalogs, builders use {sorted(build)}; check/catalogs.py says {sorted(BUILD)}"


def check_version():
    lock = (ROOT / "Cargo.lock").read_text()
    version = re.search(r'name = "iceberg-catalog-s3tables"\nversion = "([^"]+)"', lock)
    if version is None or version.group(1) != VERSION:
        yield f"iceberg-catalog-s3tables is no longer {VERSION}: compare its calls with check/catalogs.py"


def catalog_source(service):
    """The file with the catalog of a service: Sluice's own, or that of the crate if cargo has it."""
    if service == "glue":
        return (ROOT / "host/src/table/catalog/glue.rs").read_text()
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    found = home.glob(f"registry/src/*/iceberg-catalog-{service}-{VERSION}/src/catalog.rs")
    return next((path.read_text() for path in found), None)


def check_calls(service):
    """The calls of each method are those of the table."""
    text = catalog_source(service)
    if text is None:
        return
    table, call = SERVICES[service]
    parts = re.split(r"\basync fn (\w+)", TESTS.split(text)[0])
    bodies = dict(zip(parts[1::2], parts[2::2]))

    def calls(method):
        body = bodies[method]
        others = set(re.findall(r"\bself\s*\.(\w+)\(", body)) & bodies.keys() - {method}
        return set(call.findall(body)).union(*(calls(other) for other in others))

    for method, expected in table.items():
        if calls(method) != expected:
            yield f"the catalog {service}: {method} calls {sorted(calls(method))}; check/catalogs.py says {sorted(expected)}"
