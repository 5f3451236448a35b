"""A whole release of reduced-size phantoms through import and geometry; `python -m benchmarks.scale`."""
