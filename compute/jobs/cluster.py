"""Running a function over many items with Dask: in this process, on a local cluster, or on one that is named."""

import logging
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from multiprocessing import resource_tracker
from typing import TypeVar

import dask
from distributed import Client, Future, LocalCluster, as_completed

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_unordered(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int,
    address: str | None = None,
    retries: int = 0,
    give_up: Callable[[Item, Exception], Result] | None = None,
    announce: Callable[[str], None] | None = None,
) -> Iterator[Result]:
    """Give the results as they come.

    One worker or one item runs here, without a cluster. At most two items a worker are under way at a time, so that
    what waits is bounded. Function, items and results are pickled.

    Args:
        function: what an item is given to.
        items: each is given once.
        workers: of the local cluster.
        address: of a scheduler whose workers are used instead.
        retries: how often an item that fails, or whose worker dies, is tried again.
        give_up: gives the result of an item that failed to the end, or raises; without it the error is raised.
        announce: told the address of the cluster's dashboard.
    """
    if address is None and (workers == 1 or len(items) < 2):
        for item in items:
            yield _try(function, item, retries, give_up)
        return
    with _client(workers, address) as client:
        if announce:
            announce(client.dashboard_link)
        waiting = iter(items)
        slots = 2 * max(1, len(client.scheduler_info()["workers"]))

        def submit(item: Item) -> Future:
            future = client.submit(function, item, pure=False, retries=retries)
            under_way[future.key] = item
            return future

        under_way: dict[str, Item] = {}
        running = as_completed([submit(item) for item in islice(waiting, slots)], loop=client.loop)
        for future in running:
            yield _result(future, under_way.pop(future.key), give_up)
            future.release()
            for item in islice(waiting, 1):
                running.add(submit(item))


def _result(future: Future, item: Item, give_up: Callable[[Item, Exception], Result] | None) -> Result:
    try:
        result: Result = future.result()
    except Exception as error:
        if give_up is None:
            raise
        return give_up(item, error)
    return result


def _try(
    function: Callable[[Item], Result], item: Item, retries: int, give_up: Callable[[Item, Exception], Result] | None
) -> Result:
    for _ in range(retries):
        with suppress(Exception):
            return function(item)
    try:
        return function(item)
    except Exception as error:
        if give_up is None:
            raise
        return give_up(item, error)


@contextmanager
def _client(workers: int, address: str | None) -> Iterator[Client]:
    logging.getLogger("distributed").setLevel(logging.ERROR)
    if address is not None:
        with Client(address, timeout="30s", set_as_default=False) as client:
            yield client
        return
    options = {"distributed.worker.daemon": True, "distributed.admin.tick.limit": "1h"}
    with dask.config.set(options):
        with _interrupts_held_back():
            cluster = LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # else port 8787, on which there may be another
                silence_logs=logging.CRITICAL,
            )
        with cluster, Client(cluster, set_as_default=False) as client:
            yield client


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let a Ctrl-C wait until the block ends; processes that are started within never get one, and end with this."""
    resource_tracker.ensure_running()  # its start would let interrupts through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
