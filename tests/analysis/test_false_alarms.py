"""Steps in which nothing but chance happened: how often a cause is named all the same.

A cause may be named in 5 % of steps. The ordinary suite looks at 9 of them; 200 are counted by
`pytest -m benchmark -n 0 -s tests/benchmarks/test_false_alarms.py`.
"""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from chameleon.analysis import Topic
from tests import internals as chameleon
from tests import planted


def alarms(seed: int, split: str, *, repeats: int) -> Counter[str]:
    """What is said to stand out where half of a split's instances are drawn anew."""
    first = planted.steady(seed)
    with TemporaryDirectory() as folder:
        second = planted.redrawn(first, seed, split)
        evaluation = planted.evaluated_step(Path(folder) / "p", first, second)
        training = None
        if repeats:
            training = chameleon.attribute_training(
                evaluation, before="1", after="2", repeats=repeats
            )
        told = chameleon.step_summary(evaluation, before="1", after="2", training=training)
    return Counter(sentence.topic for sentence in told[1:] if sentence.named)


def test_noise_is_not_blamed_on_anything():
    found = sum((alarms(seed, "test", repeats=0) for seed in range(6)), Counter())
    found += sum((alarms(seed, "train", repeats=0) for seed in range(3)), Counter())
    # of 9 steps at most one may stand out; 4 or more do so once in a thousand such series
    assert found[Topic.METRIC] <= 3
    assert found[Topic.CAUSE] <= 3
