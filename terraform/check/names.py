#!/usr/bin/env python3
"""Holds names that are the program's against its source: metrics of alarms and of the dashboard, events of
its log, the handler of the builder, settings in the environment. Events and settings are looked up in the documents, too. Ends with 0 or 1.
"""

import re
import sys

from module import FOLDER, Module

ROOT = FOLDER.parent
SOURCE = ROOT / "host" / "src"

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "Dockerfile", "Makefile", "docs/*.md", "terraform/*.md", "terraform/*.example"]

ALARM = re.compile(r'namespace\s*=\s*"Sluice"\n\s*metric(?:_name)?\s*=\s*"(\w+)"\n\s*dimensions\s*=\s*local\.(\w+)$', re.M)
CHART = re.compile(r'for name in \[([^]]*)\]\s*:\s*name => \["Sluice", name, "(\w+)", [\w.]+, "(\w+)", [\w.]+\]')
DIMENSIONS = re.compile(r"(\w+_dimensions)\s*=\s*\{([^}]*)\}")
FILTERED = re.compile(r"^  (?:table_)?log_events = \{\n(.*?)^  \}", re.M | re.S)
PATTERN = r'pattern        = "{ $.event = \"${each.value}\" }"'
EVENT = re.compile(r'^pub const ([A-Z_]+): &str = "([a-z_]+)";$', re.M)


class Written:
    """What the lines of the embedded metric format have, by the source: the namespaces, and the metrics by their dimensions."""

    def __init__(self):
        self.namespaces, self.metrics = set(), {}
        for path in SOURCE.rglob("*.rs"):
            text = path.read_text().split("#[cfg(test)]\nmod ")[0]
            if '"CloudWatchMetrics"' not in text:
                continue
            self.namespaces.update(re.findall(r'const NAMESPACE: &str = "(\w+)"', text))
            for dimensions in re.findall(r'"Dimensions": \[\[(.*?)\]\]', text):
                dimensions = tuple(re.findall(r'"(\w+)"', dimensions))
                metrics = re.findall(r'\(\s*"([A-Z]\w+)",\s', text)
                self.metrics.setdefault(dimensions, set()).update(metrics)


def check_metrics(code):
    written = Written()
    if written.namespaces != {"Sluice"} or not all(written.metrics.values()):
        yield f"the program's metrics are in the namespaces {sorted(written.namespaces)}: {written.metrics}"
    alarms, charts = ALARM.findall(code), CHART.findall(code)
    if not alarms or not charts or len(alarms) + len(charts) != code.count('"Sluice"'):
        yield "there is a metric of the program that is not written as the others are"
    given = {name: tuple(re.findall(r"(\w+)\s*=", parts)) for name, parts in DIMENSIONS.findall(code)}
    named = {(given.get(dimensions, ()), metric) for metric, dimensions in alarms}
    for names, *dimensions in charts:
        named.update((tuple(dimensions), metric) for metric in re.findall(r'"(\w+)"', names))
    for dimensions, metric in sorted(named):
        if metric not in written.metrics.get(dimensions, ()):
            yield f"the program writes no metric {metric} with the dimensions {dimensions}"


def check_log(code):
    """Filters of the log look for events, each of which the program logs and a document explains."""
    events = {value: name for name, value in EVENT.findall((SOURCE / "observe" / "events.rs").read_text())}
    source = "\n".join(path.read_text() for path in SOURCE.rglob("*.rs"))
    rows = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "operate.md").read_text(), re.M))
    filtered = [event for block in FILTERED.findall(code) for event in re.findall(r'= "(.*)"$', block, re.M)]
    filters = code.count('resource "aws_cloudwatch_log_metric_filter"')
    if not filtered or filters != code.count(PATTERN):
        yield f"not every filter of the log looks for an event of log_events: {filtered}"
    for event in filtered:
        if event not in events:
            yield f"the program has no event {event}"
    for event, name in events.items():
        if f"event = events::{name}," not in source:
            yield f"the program does not log its event {event}"
        if event not in rows:
            yield f"docs/operate.md does not explain the event {event}"


def check_handler(code):
    """The program finds out by the handler that its function builds a table."""
    source = "\n".join(path.read_text() for path in SOURCE.rglob("*.rs"))
    known = set(re.findall(r'const TABLE_HANDLER: &str = "(\w+)"', source))
    given = set(re.findall(r'^  handler\s*=\s*"(\w+)"$', code, re.M)) - {"bootstrap"}
    if given != known:
        yield f"the builder has the handler {sorted(given)}, the program knows {sorted(known)}"


def check_settings(code):
    known = {name for path in SOURCE.rglob("*.rs") for name in re.findall(r'env = "(SLUICE_\w+)"', path.read_text())}
    # Some ask the tests for more than usual.
    for path in (ROOT / "host/tests").rglob("*.rs"):
        known.update(re.findall(r'"(SLUICE_\w+)"', path.read_text()))
    places = {"terraform/*.tf": code}
    for pattern in DOCUMENTS:
        for path in ROOT.glob(pattern):
            places[path.relative_to(ROOT).as_posix()] = path.read_text()
    for place, text in places.items():
        for name in sorted(set(re.findall(r"\bSLUICE_[A-Z_]*[A-Z]\b", text)) - known):
            yield f"{place}: the program has no setting {name}"


def main():
    code = "\n".join(text for _, text in Module().code())
    faults = [*check_metrics(code), *check_log(code), *check_handler(code), *check_settings(code)]
    for fault in faults:
        print(f"names: {fault}", file=sys.stderr)
    if not faults:
        print("names: metrics, events of the log, settings: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
