"""Entities measured by GroundCT and by others on the same arrays; `python -m benchmarks.geometry.run`."""
