"""The child process of `tests.storage.test_child_process`, which does what its job names."""

import os
from pathlib import Path
from threading import Event

from chameleon.errors import VersionError
from chameleon.storage import Progress, answer_parent


def echo(job):
    print('{"done": "fooled"}', flush=True)
    os.write(1, b'{"done": "fooled"}\n')
    return job["given"]


def fill_numpy(job):
    import numpy as np

    return len([np.ones(10_000_000) for _ in range(20)])


def fill_polars(job):
    import polars as pl

    return len(pl.repeat(1.5, 2**50, eager=True))


def fail(job):
    raise RuntimeError("secret")


def refuse(job):
    raise VersionError("Version 3 is empty.")


def spin(job):
    while True:
        pass


def wait(job):
    if "file" in job:
        Path(job["file"]).write_text(str(os.getpid()))
    Event().wait(600)


TASKS = {
    "echo": echo,
    "error": refuse,
    "fault": fail,
    "abort": lambda job: os.abort(),
    "exit": lambda job: os._exit(7),
    "numpy memory": fill_numpy,
    "polars memory": fill_polars,
    "spin": spin,
    "wait": wait,
}


def work(job, channel):
    if job["task"] == "echo":
        channel.progress(Progress("Fitting", "1.2", 1, 3))
    channel.doing("Reading a.arrow")
    return TASKS[job["task"]](job)


if __name__ == "__main__":
    answer_parent(work)
