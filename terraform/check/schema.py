#!/usr/bin/env python3
"""Checks resources, arguments, blocks and references against the AWS provider's schema.

Stands in for `terraform validate` where the provider cannot be had: it reads the schema from the
typings of the npm package @cdktn/provider-aws, which are generated from the provider. Types of values
are not checked.

Usage: schema.py FOLDER, the unpacked package. Ends with 0 when all is well, 1 when something is wrong,
2 when it is called wrongly.
"""

import re
import sys
from pathlib import Path

from module import Module

META_ARGUMENTS = {"count", "for_each", "depends_on", "lifecycle", "provider"}

TOP = re.compile(r"^export interface (\w+) extends [\w.]*TerraformMetaArguments", re.M)
INTERFACE = re.compile(r"^export interface (\w+)(?: extends [\w.]+)? \{\n(.*?)^\}", re.M | re.S)
PROPERTY = re.compile(r"/\*\*((?:(?!\*/).)*)\*/\s*readonly (\w+)(\??): (\{.*?\}|[^;]+?);$", re.M | re.S)
GETTER = re.compile(r"^    get (\w+)\(\)", re.M)
REFERENCE = re.compile(
    r"(?<![\w.\"])(data\.)?(aws_\w+)\.(\w+)(?:\[[^\]]*\])?(?:\.(\w+))?"
)


class Argument:
    """An argument or nested block: whether it has to be there, and what is in it."""

    def __init__(self, comment, optional, kind):
        self.required = not optional
        self.is_block = bool(re.search(r"^\s*\* \w+ block$", comment, re.M))
        self.type = re.match(r"\w*", kind).group()


class Typings:
    """What the typings of one resource or data source say."""

    def __init__(self, text):
        self.blocks = {
            name: {
                re.search(r"#(\w+) ", comment).group(1): Argument(comment, optional, kind)
                for comment, _, optional, kind in PROPERTY.findall(body)
                if "#" in comment
            }
            for name, body in INTERFACE.findall(text)
        }
        self.top = TOP.search(text).group(1)
        body = text[text.index("static readonly tfResourceType") :]
        self.attributes = set(GETTER.findall(body))


def camel(name):
    return re.sub(r"_(\w)", lambda letter: letter.group(1).upper(), name)


class Lint:
    def __init__(self, module, library):
        self.module, self.library = module, library
        self.known, self.faults = {}, []

    def typings(self, kind, is_data):
        folder = ("data-" if is_data else "") + kind.replace("_", "-")
        if folder not in self.known:
            file = self.library / folder.replace("aws-", "", 0 if is_data else 1) / "index.d.ts"
            self.known[folder] = Typings(file.read_text()) if file.exists() else None
        return self.known[folder]

    def run(self):
        for blocks, is_data in ((self.module.resources, False), (self.module.data, True)):
            for (kind, name), (file, body) in blocks.items():
                where = f"{file}: {'data.' if is_data else ''}{kind}.{name}"
                typings = self.typings(kind, is_data)
                if typings is None:
                    self.faults.append(f"{where}: the provider has no {kind}")
                else:
                    self.block(where, typings, typings.top, body, META_ARGUMENTS)
        for file, code in self.module.code():
            self.references(file, code)
        self.unused()
        return self.faults

    def block(self, where, typings, name, body, also=frozenset()):
        allowed, given = typings.blocks[name], set()
        for key, value, is_block in contents(body):
            if key in also:
                continue
            given.add(key)
            argument = allowed.get(key)
            if argument is None:
                self.faults.append(f"{where}: there is no {key}")
            elif argument.is_block != is_block:
                right = "a block" if argument.is_block else "an argument"
                self.faults.append(f"{where}: {key} is {right}")
            elif is_block or (isinstance(value, dict) and argument.type in typings.blocks):
                self.block(f"{where}.{key}", typings, argument.type, value)
        for key, argument in allowed.items():
            if argument.required and key not in given:
                self.faults.append(f"{where}: {key} is missing")

    def references(self, file, code):
        for is_data, kind, name, attribute in REFERENCE.findall(code):
            declared = self.module.data if is_data else self.module.resources
            what = f"{is_data}{kind}.{name}"
            if (kind, name) not in declared:
                self.faults.append(f"{file}: {what} is not declared")
                continue
            typings = self.typings(kind, bool(is_data))
            if attribute and typings and camel(attribute) not in typings.attributes:
                self.faults.append(f"{file}: {what} has no {attribute}")
        for word, declared in (("var", self.module.variables), ("local", self.module.locals)):
            for name in re.findall(rf"(?<![\w.]){word}\.(\w+)", code):
                if name not in declared:
                    self.faults.append(f"{file}: {word}.{name} is not declared")

    def unused(self):
        """Variables that nothing outside their own declaration mentions."""
        declarations = re.compile(r'^variable "\w+" \{\n.*?^\}', re.M | re.S)
        used = "\n".join(declarations.sub("", code) for _, code in self.module.code())
        for name in sorted(self.module.variables):
            if not re.search(rf"\bvar\.{name}\b", used):
                self.faults.append(f"the variable {name} is not used")


def is_block_body(value):
    return isinstance(value, dict) and "__is_block__" in value


def contents(body):
    """What is in a block: (name, value, whether it is a block), dynamic blocks as what they make."""
    for key, value in body.items():
        if key.startswith("__"):
            continue
        many = value if isinstance(value, list) else [value]
        if key == "dynamic":
            for made in many:
                for name, inner in made.items():
                    if not name.startswith("__"):
                        yield name.strip('"'), inner["content"][0], True
        elif many and all(is_block_body(each) for each in many):
            yield from ((key, each, True) for each in many)
        else:
            yield key, value, False


def main():
    library = Path(sys.argv[1]) / "lib" if len(sys.argv) == 2 else None
    if library is None or not library.is_dir():
        print("usage: schema.py FOLDER, the unpacked npm package @cdktn/provider-aws", file=sys.stderr)
        return 2
    module = Module()
    faults = Lint(module, library).run()
    for fault in faults:
        print(f"schema: {fault}", file=sys.stderr)
    if not faults:
        print(f"schema: {len(module.resources)} resources, {len(module.data)} data sources: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
