"""The command line: `python -m chameleon gate my_project --max-drop 0.01`."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import chameleon
from chameleon.types import Metric, Severity

_PASSED, _FAILED, _UNUSABLE = 0, 1, 2
"""Exit codes; argparse ends with the last one as well."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 passed, 1 failed, 2 the check couldn't be made."""
    given = vars(_parser().parse_args(arguments))
    try:
        return _gate(**given)
    except chameleon.ChameleonError as error:
        print(f"chameleon: {error}", file=sys.stderr)
        return _UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="chameleon", description=chameleon.__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    gate = commands.add_parser("gate", help="check a step against limits, for CI")
    gate.add_argument("project", help="project folder or table")
    gate.add_argument("--before", help="version; by default the one preceding --after")
    gate.add_argument("--after", help="version; by default the newest")
    gate.add_argument("--id", action="append", help="column of ids; may be repeated")
    gate.add_argument("--label", help="column of labels")
    gate.add_argument("--split", help="column of splits")
    gate.add_argument("--metric", choices=get_args(Metric))
    gate.add_argument("--of-class", help="class of the recall")
    gate.add_argument("--max-drop", type=float, help="of the metric, as a share: 0.01 is one point")
    gate.add_argument("--max-leaked", type=int, help="test instances in a train set")
    gate.add_argument("--max-negative-flips", type=float, help="share of regressed test instances")
    gate.add_argument("--max-drifted", type=int, help="features above their chance level")
    gate.add_argument("--findings", choices=get_args(Severity), help="fail from this severity on")
    gate.add_argument("--certain", action="store_true", help="fail only beyond the whole 95%% CI")
    gate.add_argument("--json", type=Path, help="file to write the checks to")
    return parser


def _gate(
    *,
    project: str,
    before: str | None,
    after: str | None,
    id: list[str] | None,
    label: str | None,
    split: str | None,
    json: Path | None,
    **limits: object,
) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the gate names versions that are left out
        evaluation = chameleon.open_project(project, id=id, label=label, split=split).evaluate()
        step = evaluation.step(before, after)
    found = step.gate(**limits)  # type: ignore[arg-type]
    print(f"{step.before} → {step.after}")
    for passed, message in found.frame.select("passed", "message").iter_rows():
        print(f"{'passed' if passed else 'FAILED'}: {message}")
    if json is not None:
        found.write_json(json)
    return _PASSED if found.passed else _FAILED


if __name__ == "__main__":
    sys.exit(main())
