"""How many threads GroundCT and the floor may use; every other contender has one."""

import os

VARIABLE = "BENCHMARK_THREADS"
THREADS = int(os.environ.get(VARIABLE, "1"))
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    ),
    "1",
)
"""What the libraries of all contenders read before they start threads of their own."""
