"""The module's files as Python sees them: resources, data sources, variables and locals."""

import re
from pathlib import Path

import hcl2

FOLDER = Path(__file__).resolve().parent.parent


def _plain(label):
    return label.strip('"')


def _labelled(blocks):
    """Blocks with two labels: (type, name, body)."""
    for block in blocks:
        for kind, named in block.items():
            if kind.startswith("__"):
                continue
            for name, body in named.items():
                if not name.startswith("__"):
                    yield _plain(kind), _plain(name), body


def _named(blocks):
    for block in blocks:
        for name in block:
            if not name.startswith("__"):
                yield _plain(name)


class Module:
    """All blocks of all files, and in which file each resource is."""

    def __init__(self, folder=FOLDER):
        self.resources, self.data = {}, {}
        self.variables, self.locals, self.texts = set(), set(), {}
        for path in sorted(folder.glob("*.tf")):
            text = path.read_text()
            parsed = hcl2.loads(text)
            self.texts[path.name] = text
            for kind, name, body in _labelled(parsed.get("resource", [])):
                self.resources[kind, name] = (path.name, body)
            for kind, name, body in _labelled(parsed.get("data", [])):
                self.data[kind, name] = (path.name, body)
            self.variables.update(_named(parsed.get("variable", [])))
            self.locals.update(_named(parsed.get("locals", [])))

    def code(self):
        """Each file's text without its comments."""
        for file, text in self.texts.items():
            yield file, re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE)
