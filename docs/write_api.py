"""Write docs/api.md from the docstrings of the public interface: `python -m docs.write_api`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import chameleon
from chameleon import results
from chameleon.api import plots, weak

PAGE = Path(__file__).parent / "api.md"
_CLASSES = (
    chameleon.Project, chameleon.Evaluation, chameleon.Step, chameleon.VersionEvaluation,
    chameleon.Instance, chameleon.ExclusionLists, chameleon.ExclusionList, chameleon.Range,
    weak.WeakLabels, plots.EvaluationPlots, plots.StepPlots, plots.VersionPlots,
)  # fmt: skip
_HEAD = """# Python interface

Three nouns, one per question: a `Project` (which data is there?), an `Evaluation` (how did the
model do over the timeline?), and a `Step` of two versions, or a `VersionEvaluation` of one (what
happened there?). `filter` narrows a step or a version and returns a new one. A method that makes a
table returns a polars frame; one whose answer has more returns a result with a `frame`.

Names can change until the first release. This page is written from the docstrings.

```python
{example}```

In continuous integration:

```python
{gate}```

Or on the command line, which ends with 0 if all checks passed, with 1 if one failed, and with 2 if
they couldn't be made:

```sh
python -m chameleon gate data/ --max-drop 0.01 --max-leaked 0 --findings error --json gate.json
```
"""
EXAMPLE = """\
import chameleon
import polars as pl

project = chameleon.open_sample("digits")  # or open_project("my_folder", id="key", label="y")
evaluation = project.evaluate()  # fits a model per version; the sample ships with results
evaluation.metrics()  # one row per version
evaluation.plot.metrics("accuracy")

step = evaluation.step("1.4", "1.5")
step.data()  # 290 added, 1,005 unchanged
step.filter(change="added").instances()  # the rows themselves

step = evaluation.step("1.8", "1.9")
print(step.summary())  # is it the model or the test set?
step.attribution().plot()
step.drift().filter("drifted")  # 53 features and chance levels
regressed = step.filter(split="test", flip="regressed").instances()  # 39 rows
project.read("1.8").join(regressed, on="instance")
step.errors(by="label", scope="test")  # test is the default scope; or "train", "all"
step.filter(pl.col("pixel_3_3") > 5, source="vendor", read="before").prediction_changes(scope="all")

issues = evaluation.version("1.5").label_issues()  # fits six models on the first call
wrong = evaluation.exclusion_lists.create("wrong-labels")
wrong.add(issues.frame.filter("is_issue", split="train"), reason="label issue")
evaluation.version("1.5").refit_without(wrong)  # the test set stays, so the metrics compare
wrong.write("wrong-labels.csv")
"""  # fmt: skip
GATE = """\
import chameleon

step = chameleon.open_project("data/").evaluate().step()  # newest version against the one before it
gate = step.gate(max_drop=0.01, max_leaked=0, findings="error")
gate.write_json("gate.json")
gate.raise_for_failure()  # GateError: 1.8 → 1.9 failed 1 of 3 checks: accuracy drop 0.078 > 0.010
"""


def text() -> str:
    """The page."""
    return "".join(_blocks())


def _blocks() -> Iterator[str]:
    yield _HEAD.format(example=EXAMPLE, gate=GATE)
    yield "\n## Functions\n"
    for function in (chameleon.open_project, chameleon.open_sample, chameleon.show_versions):
        yield _member(function.__name__, function)
    for cls in _CLASSES:
        yield f"\n## {cls.__name__}\n\n```text\n{inspect.getdoc(cls)}\n```\n"
        for name, member in inspect.getmembers(cls):
            if not name.startswith("_") and (inspect.isfunction(member) or _is_property(member)):
                yield _member(f"{cls.__name__}.{name}", member)
    yield "\n## Results\n\nIn `chameleon.results`; each has `frame` and `to_dict()`.\n"
    for name, cls in vars(results).items():
        if inspect.isclass(cls):
            yield f"\n### {name}\n\n```text\n{inspect.getdoc(cls)}\n```\n"
            names = [n for n in inspect.signature(cls).parameters if not n.startswith("_")]
            yield f"\nAttributes: {', '.join(f'`{one}`' for one in names)}.\n"


def _is_property(member: object) -> bool:
    return isinstance(member, property)


def _member(name: str, member: object) -> str:
    form = "" if _is_property(member) else str(inspect.signature(member))  # type: ignore[arg-type]
    return f"\n### {name}\n\n```text\n{name}{form}\n\n{inspect.getdoc(member)}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
