"""Writes each `run` step of GitHub workflows to a file of its own, for shellcheck.

    run_steps.py FOLDER WORKFLOW...

An expression, such as `${{ matrix.runner }}`, is replaced by the word `expression`, because GitHub replaces it by its
value before the shell runs.
"""

import re
import shutil
import sys
from pathlib import Path

from ruamel.yaml import YAML

EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.S)


def run_steps(path):
    """Yields the name, shell and script of each step."""
    workflow = YAML(typ="safe").load(path)
    for job_name, job in workflow["jobs"].items():
        # Without `shell`, GitHub uses sh in a container and bash elsewhere.
        usual = "sh" if "container" in job else "bash"
        for scope in (workflow, job):
            usual = scope.get("defaults", {}).get("run", {}).get("shell", usual)
        for number, step in enumerate(job.get("steps", []), start=1):
            if "run" in step:
                yield f"{path.stem}.{job_name}.{number}", step.get("shell", usual), step["run"]


def main():
    folder, *workflows = map(Path, sys.argv[1:])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path in workflows:
        for name, shell, script in run_steps(path):
            script = EXPRESSION.sub("expression", script)
            (folder / f"{name}.sh").write_text(f"#!/usr/bin/env {shell}\n{script}\n")


main()
