"""Dask jobs: what runs over many scans at once."""
