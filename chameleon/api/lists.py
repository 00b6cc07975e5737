"""Exclusion lists: instances to leave out, each with a reason."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import warn

import polars as pl

from chameleon import analysis, selection
from chameleon.api.evaluations import Evaluation
from chameleon.api.frames import SCHEMAS, shaped
from chameleon.api.instance_ids import instance_ids, warn_of_unknown
from chameleon.api.objects import Compared, html_table
from chameleon.api.options import checks_options
from chameleon.errors import SelectionError
from chameleon.models import Evaluation as Evaluated
from chameleon.selection import rule_of

if TYPE_CHECKING:
    from chameleon.api.steps import Step
    from chameleon.project import Version
    from chameleon.types import Library


class ExclusionLists(Compared, Mapping[str, "ExclusionList"]):
    """The exclusion lists of a project: a mapping from names to lists.

    They are in the project folder, or in memory where the project is.

    Examples
    --------
    >>> import chameleon
    >>> evaluation = chameleon.open_sample("digits").evaluate()
    >>> evaluation.exclusion_lists
    <ExclusionLists of 'digits': none>
    """

    def __init__(self, evaluation: Evaluation) -> None:
        self._evaluation = evaluation
        self._store = evaluation.project._lists()

    def __getitem__(self, name: str) -> ExclusionList:
        """The list of that name."""
        if name not in self._store.names:
            raise SelectionError(f"There is no exclusion list {name!r}. Found: {list(self)}.")
        return ExclusionList(self, name)

    def __contains__(self, name: object) -> bool:
        """Return True if there is a list of that name."""
        return name in self._store.names

    def __iter__(self) -> Iterator[str]:
        """The names of all lists, in order."""
        return iter(self._store.names)

    def __len__(self) -> int:
        """Number of lists."""
        return len(self._store.names)

    def create(self, name: str) -> ExclusionList:
        """Create an empty list.

        Raises
        ------
        SelectionError
            There is a list of that name, or the name is empty or too long.
        """
        return ExclusionList(self, self._store.create(name))

    def delete(self, name: str) -> None:
        """Delete a list with its entries and rules."""
        self._store.delete(name)

    def read(self, path: str | Path, name: str) -> ExclusionList:
        """Read a CSV or Parquet file of ids into a list; warn about duplicate and missing ids.

        The ids are in the column `instance`, else in the project's id columns, else in the only
        column. A column `reason` gives the reasons.

        Raises
        ------
        SelectionError
            The file can't be read, or has no column of ids.
        """
        file, project = Path(path), self._evaluation._core.dataset.project
        found = selection.read_exclusion_list(file.read_bytes(), file.name, project)
        if found.duplicates or found.without_id:
            left_out = f"{found.duplicates:,} repeated and {found.without_id:,} missing ids"
            warn(f"{file.name}: {left_out} are left out.", stacklevel=2)
        at = selection.now()
        self._store.add_entries(name, ((one, why, at) for one, why in found.frame.iter_rows()))
        return ExclusionList(self, name)

    def _identity(self) -> object:
        return self._evaluation

    def __reduce__(self) -> tuple[type[ExclusionLists], tuple[Evaluation]]:
        """Pickle by the project, whose path names the file of the lists."""
        return ExclusionLists, (self._evaluation,)

    def __repr__(self) -> str:
        """The lists in a line."""
        names = ", ".join(map(repr, self)) or "none"
        return f"<ExclusionLists of {self._evaluation.project.name!r}: {names}>"[:200]


@checks_options
class ExclusionList(Compared):
    """One exclusion list: entries by id, and rules, which name instances by filters.

    Examples
    --------
    >>> import chameleon
    >>> rows = {"id": [1, 2, 3, 4], "label": ["a", "b", "a", "b"], "x": [1.0, 2.0, 3.0, 4.0]}
    >>> evaluation = chameleon.open_project({"1": pl.DataFrame(rows)}).evaluate()
    >>> broken = evaluation.exclusion_lists.create("broken")
    >>> broken.add(["1", "3"], reason="sensor failed")
    2
    >>> broken
    <ExclusionList 'broken': 2 entries, 0 rules>
    """

    def __init__(self, lists: ExclusionLists, name: str) -> None:
        self.lists = lists
        self.name = name

    def __len__(self) -> int:
        """Number of entries."""
        return len(self._content.entries)

    @property
    def entries(self) -> pl.DataFrame:
        """The entries: instance, reason, added (UTC)."""
        return shaped("list_entries", self._content.entries, ())

    @property
    def rules(self) -> pl.DataFrame:
        """The rules: number, conditions (query of a link), before, after, reason, added (UTC)."""
        rows = [
            (r.number, r.query, r.secondary, r.primary, r.reason, r.added)
            for r in self._content.rules
        ]
        found = pl.DataFrame(rows, {**SCHEMAS["list_rules"], "added": pl.Int64}, orient="row")
        return shaped("list_rules", found, ())

    def add(self, instances: str | int | Iterable[object], *, reason: str = "") -> int:
        """Add instances; return how many are new on the list, and warn of ids in no version.

        Parameters
        ----------
        instances
            An id, several, a column of ids, or a frame with the column `instance`.
        """
        ids = instance_ids(instances)
        warn_of_unknown(self._core.dataset, ids)
        return self._store.add(self.name, ids, reason).new

    def discard(self, instances: str | int | Iterable[object]) -> int:
        """Remove instances, given as for `add`; return how many were on the list."""
        return self._store.remove(self.name, instance_ids(instances))

    def add_rule(self, step: Step, *, reason: str = "") -> int:
        """Add the step's filters as a rule; return how many rules are new.

        Raises
        ------
        SelectionError
            A polars expression narrows the step: it can't be stored.
        """
        return self._store.add_rule(self.name, rule_of(step._selection, reason)).new

    def discard_rule(self, number: int) -> bool:
        """Remove a rule; return True if it was on the list."""
        return self._store.remove_rule(self.name, number)

    def rename(self, name: str) -> None:
        """Rename the list."""
        self.name = self._store.rename(self.name, name)

    def members(self, version: str | Version) -> pl.DataFrame:
        """The members of the list, as one version has them.

        Returns
        -------
        pl.DataFrame
            instance, by ("entry" or "rule"), rule, reason, added (UTC), known (any version has
            it), present (this one has it), label, split, source.
        """
        found = analysis.exclusion_list_members(
            self._core, self._content, version=str(self.lists._evaluation._name(version))
        )
        return shaped("list_members", found, ())

    def counts(self, version: str | Version) -> pl.DataFrame:
        """Affected instances of a version by split, label, and source.

        Returns
        -------
        pl.DataFrame
            by ("version", "split", "label", "source"), group, instances, total, share.
        """
        found = analysis.exclusion_list_counts(
            self._core, self._content, version=str(self.lists._evaluation._name(version))
        )
        return shaped("list_counts", found, ())

    def code(self, version: str | Version, *, library: Library = "polars") -> str:
        """A script that leaves exactly these instances out of the version's file."""
        found = selection.filter_expression(
            self._core, self._content, version=str(self.lists._evaluation._name(version))
        )
        script = found.polars_script if library == "polars" else found.pandas_script
        if script is None:
            raise SelectionError(f"{library} has no form for these ids. Use library='polars'.")
        return script

    def write(self, path: str | Path) -> Path:
        """Write the members in any version as CSV or Parquet that `ExclusionLists.read` reads.

        Raises
        ------
        SelectionError
            The path ends in neither .csv nor .parquet.
        """
        target = Path(path)
        frame = self._content.entries
        if target.suffix.lower() == ".csv":
            target.write_text(selection.exclusion_list_csv(frame), encoding="utf-8")
        elif target.suffix.lower() == ".parquet":
            target.write_bytes(selection.exclusion_list_parquet(frame))
        else:
            raise SelectionError(f"{target.name} must end in .csv or .parquet.", file=target.name)
        return target

    @property
    def _store(self) -> selection.ExclusionLists:
        return self.lists._store

    @property
    def _core(self) -> Evaluated:
        return self.lists._evaluation._core

    @property
    def _content(self) -> selection.ExclusionList:
        return self._store.of(self.name)

    def _identity(self) -> object:
        return self.lists, self.name

    def __repr__(self) -> str:
        """The list in a line."""
        return f"<ExclusionList {self.name!r}: {len(self):,} entries, {len(self.rules)} rules>"

    def _repr_html_(self) -> str:
        return html_table(self.entries, repr(self))
