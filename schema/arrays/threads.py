"""The threads in which arrays are encoded, decoded and fetched: one pool of each size a process."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache

CORES = len(os.sched_getaffinity(0))


@cache
def workers(threads: int = CORES) -> ThreadPoolExecutor:
    """The pool of so many threads; a forked child gets pools of its own."""
    return ThreadPoolExecutor(threads, thread_name_prefix="arrays")


os.register_at_fork(after_in_child=workers.cache_clear)
