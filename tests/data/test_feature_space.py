"""The space in which rows are compared."""

import numpy as np
import pytest

from chameleon.data import principal_axes


def direct_axes(points: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Axes and shares from the singular values of the centered points."""
    _, spreads, axes = np.linalg.svd(points - points.mean(axis=0), full_matrices=True)
    shares = np.zeros(points.shape[1])
    shares[: len(spreads)] = spreads**2 / (spreads**2).sum()
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return (axes * np.sign(largest)[:, None]).T[:, :count], shares[:count]


@pytest.mark.parametrize(("rows", "width", "rank"), [(200, 60, 60), (20, 300, 19), (20, 300, 5)])
def test_principal_axes_of_wide_and_long_points_are_those_of_a_direct_computation(
    rows, width, rank
):
    random = np.random.default_rng(0)
    points = random.normal(size=(rows, rank)) @ random.normal(size=(rank, width))
    axes, shares = principal_axes(points, 50)
    wanted, wanted_shares = direct_axes(points, 50)
    assert axes.shape == (width, 50)
    np.testing.assert_allclose(shares, wanted_shares, atol=1e-12)
    known = min(rank, 50)
    np.testing.assert_allclose(axes[:, :known], wanted[:, :known], atol=1e-9)
    assert rows > width or not axes[:, known:].any()


def test_points_that_do_not_differ_have_no_axes():
    axes, shares = principal_axes(np.ones((3, 5)), 2)
    assert not axes.any()
    assert not shares.any()
