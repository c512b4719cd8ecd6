#!/usr/bin/env python3
"""Holds names that are the program's against its source: metrics of alarms and of the dashboard, events of
its log, settings in the environment. Events and settings are looked up in the documents, too. Ends with 0 or 1.
"""

import re
import sys

from module import FOLDER, Module

ROOT = FOLDER.parent
SOURCE = ROOT / "host" / "src"

DOCUMENTS = ["README.md", "CONTRIBUTING.md", "Dockerfile", "Makefile", "docs/*.md", "terraform/*.md", "terraform/*.example"]

ALARM = re.compile(r'namespace\s*=\s*"Sluice"\n\s*metric(?:_name)?\s*=\s*"(\w+)"\n\s*dimensions\s*=\s*(\S+)')
CHART = re.compile(r'for name in \[([^]]*)\]\s*:\s*name => \["Sluice", name, "(\w+)", var.name, "(\w+)"')
DIMENSIONS = re.compile(r"sluice_dimensions\s*=\s*\{([^}]*)\}")
FILTERED = re.compile(r"^  log_events = \{\n(.*?)^  \}", re.M | re.S)
PATTERN = r'pattern        = "{ $.event = \"${each.value}\" }"'
EVENT = re.compile(r'^pub const ([A-Z_]+): &str = "([a-z_]+)";$', re.M)


class Written:
    """What a line of the embedded metric format has, by the source."""

    def __init__(self, text):
        self.namespace = re.search(r'const NAMESPACE: &str = "(\w+)"', text).group(1)
        dimensions = re.search(r'"Dimensions": \[\[(.*?)\]\]', text).group(1)
        self.dimensions = re.findall(r'"(\w+)"', dimensions)
        self.metrics = set(re.findall(r'^\s*(?:\(\s*)?"(\w+)",\s', text, re.M))


def check_metrics(code):
    written = Written((SOURCE / "modes" / "lambda" / "metrics.rs").read_text())
    if written.namespace != "Sluice" or not written.metrics:
        yield f"the program's metrics are in the namespace {written.namespace}: {sorted(written.metrics)}"
    alarms, charts = ALARM.findall(code), CHART.findall(code)
    if not alarms or not charts or len(alarms) + len(charts) != code.count('"Sluice"'):
        yield "there is a metric of the program that is not written as the others are"
    for metric, dimensions in alarms:
        if dimensions != "local.sluice_dimensions":
            yield f"{metric} has other dimensions than its neighbours: {dimensions}"
    named = {metric for metric, _ in alarms}
    for names, *dimensions in charts:
        named.update(re.findall(r'"(\w+)"', names))
        if dimensions != written.dimensions:
            yield f"the dashboard has the dimensions {dimensions}, the program {written.dimensions}"
    given = re.findall(r"(\w+)\s*=", DIMENSIONS.search(code).group(1))
    if sorted(given) != sorted(written.dimensions):
        yield f"alarms have the dimensions {given}, the program {written.dimensions}"
    for metric in sorted(named - written.metrics):
        yield f"the program writes no metric {metric}"


def check_log(code):
    """Filters of the log look for events, each of which the program logs and a document explains."""
    events = {value: name for name, value in EVENT.findall((SOURCE / "observe" / "events.rs").read_text())}
    source = "\n".join(path.read_text() for path in SOURCE.rglob("*.rs"))
    rows = set(re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "operate.md").read_text(), re.M))
    filtered = [event for block in FILTERED.findall(code) for event in re.findall(r'= "(.*)"$', block, re.M)]
    filters = code.count('resource "aws_cloudwatch_log_metric_filter"')
    if not filtered or filters != 1 or PATTERN not in code:
        yield f"not every filter of the log looks for an event of log_events: {filtered}"
    for event in filtered:
        if event not in events:
            yield f"the program has no event {event}"
    for event, name in events.items():
        if f"event = events::{name}," not in source:
            yield f"the program does not log its event {event}"
        if event not in rows:
            yield f"docs/operate.md does not explain the event {event}"


def check_settings(code):
    with_settings = [SOURCE / "config" / "args.rs", SOURCE / "config" / "table_settings.rs"]
    known = {name for path in with_settings for name in re.findall(r'env = "(SLUICE_\w+)"', path.read_text())}
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
    faults = [*check_metrics(code), *check_log(code), *check_settings(code)]
    for fault in faults:
        print(f"names: {fault}", file=sys.stderr)
    if not faults:
        print("names: metrics, events of the log, settings: fine")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
