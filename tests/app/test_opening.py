"""The work behind the pages: queued, capped, and ended when nobody waits for it."""

import threading
from pathlib import Path

import pytest
from polars.exceptions import PanicException

from chameleon.app.background import MOST_QUEUED, Opening, WorkQueue, Workshop
from chameleon.app.uploads import Upload
from chameleon.data import feature_hashes, laid_out_features
from chameleon.layout.layouts import pca_stored_layout, write_layout
from chameleon.project import Limits, with_damage
from tests.app import showcases
from tests.library import TREE, plain, write_project

SECONDS = 60


@pytest.mark.parametrize("error", [ValueError, PanicException, KeyboardInterrupt])
def test_the_queue_goes_on_whatever_a_piece_raises(error, caplog):
    queue, done = WorkQueue("test", most=2), threading.Event()

    def work():
        raise error("why")

    assert queue.take(work)
    assert queue.take(done.set)
    assert done.wait(SECONDS)
    assert "Queued work failed" in caplog.text


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch):
    """Return a workshop whose first opening waits until the test ends."""
    gate, begun = threading.Event(), []

    def run(self: Opening) -> None:
        begun.append(self.address)
        gate.wait(SECONDS)

    monkeypatch.setattr(Opening, "run", run)
    yield Workshop(), begun
    gate.set()


def test_projects_beyond_the_queue_are_refused(busy, tmp_path: Path):
    workshop, _ = busy
    addresses = [str(tmp_path / str(k)) for k in range(MOST_QUEUED + 2)]
    opened = [workshop.opening(address, umap=False) for address in addresses]
    assert [o.complete for o in opened] == [*[False] * (MOST_QUEUED + 1), True]
    assert "Try again later" in (opened[-1].error or "")
    assert workshop.opening(addresses[0], umap=False) is opened[0]
    assert workshop.opening(addresses[-1], umap=False) is not opened[-1]  # it may have a place now


def test_a_refused_upload_is_opened_at_the_next_look(busy, tmp_path: Path):
    workshop, _ = busy
    several = [Upload("a", tmp_path / str(k), "p") for k in range(MOST_QUEUED + 2)]
    opened = [upload.opened(workshop) for upload in several]
    assert [o.refused for o in opened] == [*[False] * (MOST_QUEUED + 1), True]
    assert several[0].opened(workshop) is opened[0]
    assert several[-1].opened(workshop) is not opened[-1]


def test_uploads_do_not_wait_for_the_operators_projects(busy, tmp_path: Path):
    workshop, begun = busy
    for name in ("a", "b"):
        workshop.opening(str(tmp_path / name), umap=False)
    Opening(str(tmp_path / "c"), private=tmp_path).begin(workshop.uploads)
    end = threading.Event()
    while str(tmp_path / "c") not in begun and not end.wait(0.01):
        pass
    assert str(tmp_path / "b") not in begun


def test_changed_files_end_the_work_on_the_version_before(tmp_path: Path, busy):
    workshop, _ = busy
    folder = showcases.write_growing(tmp_path / "p")
    before = workshop.opening(str(folder), umap=False)
    (folder / "versions" / "1.2.parquet").unlink()
    after = workshop.opening(str(folder), umap=False)
    assert after is not before
    assert before.stopped
    assert not after.stopped


def test_an_opening_that_nobody_waits_for_ends_between_two_versions(tmp_path: Path):
    frames = {str(k): plain(20 + k) for k in range(6)}
    opening = Opening(str(write_project(tmp_path / "p", frames, toml=TREE)))
    seen = []
    note = opening._note

    def noted(progress):
        seen.append((progress.stage, progress.done))
        if progress.stage == "Fitting" and progress.done == 2:
            opening.cancel()
        note(progress)

    opening._note = noted
    opening.run()
    assert (opening.complete, opening.evaluation, opening.error) == (True, None, None)
    assert seen[-1] == ("Fitting", 2)
    assert len(list((tmp_path / "p" / ".chameleon").glob("model-*"))) == 2


def test_one_cancelled_before_its_turn_reads_nothing(tmp_path: Path):
    opening = Opening(str(tmp_path / "nowhere"))
    opening.cancel()
    opening.run()
    assert (opening.complete, opening.error) == (True, None)


def test_an_upload_beyond_its_limits_is_refused_before_its_data_is_read(tmp_path: Path):
    folder = write_project(tmp_path / "p", {"1": plain(), "2": plain()})
    private = tmp_path / "private"
    opening = Opening(str(folder), private=private, limits=Limits(predictions=40))
    opening.run()
    assert "Too many predictions" in (opening.error or "")
    assert not list(private.glob("dataset-*"))


def test_a_damaged_result_is_reported_whatever_step_finds_it(tmp_path: Path):
    folder = write_project(tmp_path / "p", {"1": plain(30), "2": plain(40)}, toml=TREE)

    def opened():
        opening = Opening(str(folder))
        opening.run()
        assert opening.error is None
        return opening.evaluation

    first = opened()
    features = laid_out_features(first.dataset)
    hashes = feature_hashes(first.dataset, features)
    write_layout(pca_stored_layout(first.dataset, hashes, features), first.dataset)
    assert opened().findings == first.findings
    for kind in ("files", "dataset", "evaluation", "layout"):
        (path,) = (folder / ".chameleon").glob(f"{kind}*")
        next(path.glob("*.json")).write_bytes(b"{}")
    again = opened()
    names = [f"cached {name}" for name in ("file index", "dataset", "evaluation", "layout")]
    assert set(again.findings) == set(with_damage(first.findings, names))
    assert again.predicted.tobytes() == first.predicted.tobytes()
    assert opened().findings == first.findings


def test_a_fault_of_ours_is_a_sentence_to_the_visitor(tmp_path: Path, monkeypatch, caplog):
    def fail(*args, **options):
        raise PanicException(f"secret {tmp_path}")

    monkeypatch.setattr("chameleon.app.background.open_project", fail)
    opening = Opening(str(tmp_path))
    opening.run()
    assert opening.complete
    assert "The server's log has the reason." in (opening.error or "")
    assert str(tmp_path) not in (opening.error or "")
    assert "secret" in caplog.text
