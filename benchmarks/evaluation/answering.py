"""How a contender's process is asked: it runs once for each line that it reads, and answers with one line of JSON.

Only the standard library is needed, so that it works in every environment.
"""

import json
import sys
from collections.abc import Callable
from typing import Any


def answer(run: Callable[[], dict[str, Any]]) -> None:
    """Answer until standard input ends."""
    out, sys.stdout = sys.stdout, sys.stderr  # libraries may print
    for _ in sys.stdin:
        out.write(json.dumps(run()) + "\n")
        out.flush()
