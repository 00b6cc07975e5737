"""Results in memory are those last used, belong to their owner, and may be asked for by threads."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor

from chameleon.storage import MemoryCache


class Owner:
    """Something that results are found of."""


def test_the_longest_unused_result_of_an_owner_leaves_first():
    cache, owner, found = MemoryCache(2), Owner(), []

    def recall(key: int) -> int:
        return cache.recall(owner, key, lambda: found.append(key) or -key)

    assert [recall(key) for key in (1, 2, 1, 3, 1, 2)] == [-1, -2, -1, -3, -1, -2]
    assert found == [1, 2, 3, 2]


def test_owners_share_nothing_and_are_freed_with_their_results():
    cache, one, other = MemoryCache(1), Owner(), Owner()
    assert cache.recall(one, "key", lambda: 1) == 1
    assert cache.recall(other, "key", lambda: 2) == 2
    del one
    gc.collect()
    assert len(cache._results) == 1


def test_a_result_may_be_found_by_results_of_the_same_cache():
    cache, owner = MemoryCache(1), Owner()
    assert cache.recall(owner, 2, lambda: cache.recall(owner, 1, lambda: 1) + 1) == 2


def test_threads_that_displace_each_others_results_all_get_theirs():
    cache, owner, start = MemoryCache(1), Owner(), threading.Barrier(8)

    def ask(thread: int) -> bool:
        start.wait()
        keys = [(thread + turn) % 3 for turn in range(4_000)]
        return all(cache.recall(owner, key, lambda key=key: [key]) == [key] for key in keys)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))


def test_threads_that_ask_for_one_result_at_once_get_the_same():
    cache, owner, both = MemoryCache(1), Owner(), threading.Barrier(2)

    def find() -> object:
        both.wait()
        return object()

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: cache.recall(owner, "key", find), range(2))
    assert one is other
