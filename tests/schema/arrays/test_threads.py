import os

import pytest

from schema.arrays.threads import workers


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own():
    assert workers(3).submit(int, "7").result() == 7
    child = os.fork()
    if child == 0:
        os._exit(workers(3).submit(int, "7").result(timeout=20))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
