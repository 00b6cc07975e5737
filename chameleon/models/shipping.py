"""Makes the evaluation that a project ships with: `python -m chameleon.models.shipping PROJECT`."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from chameleon.errors import ChameleonError
from chameleon.models.evaluation import Evaluation, evaluate
from chameleon.models.shipped import SHIPPED, Shipped, write_shipped
from chameleon.project import open_project
from chameleon.storage import write_folder


def fresh_evaluation(project: Path) -> Evaluation:
    """The evaluation of a project folder, every model fitted anew, whatever is kept or shipped."""
    with tempfile.TemporaryDirectory(prefix="chameleon-") as private:
        copied = Path(private) / "project"
        ignored = shutil.ignore_patterns(".chameleon", SHIPPED, "__pycache__")
        shutil.copytree(project, copied, ignore=ignored, ignore_dangling_symlinks=True)
        return evaluate(open_project(copied, private=Path(private) / "kept"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code: 0 where the project folder now holds its evaluation, else 1."""
    parser = argparse.ArgumentParser(description="Evaluates a project, to be shipped with it.")
    parser.add_argument("project", type=Path)
    folder: Path = parser.parse_args(arguments).project
    if not folder.is_dir():
        print(f"{folder} is no project folder: only a folder ships with more.", file=sys.stderr)
        return 1
    try:
        made = fresh_evaluation(folder)
    except (ChameleonError, OSError) as error:  # a full disk, a file that nobody may read
        print(error, file=sys.stderr)
        return 1
    dataset = made.dataset
    own = len(dataset.project.findings) + len(dataset.findings)
    shipped = Shipped(
        made.classes, made.predicted, made.probability_of_label, made.probability_of_prediction,
        made.scores, made.model, made.findings[own:],
    )  # fmt: skip
    target = folder / SHIPPED
    shutil.rmtree(target, ignore_errors=True)
    return 0 if write_folder(target, lambda path: write_shipped(path, dataset, shipped)) else 1


if __name__ == "__main__":
    sys.exit(main())
