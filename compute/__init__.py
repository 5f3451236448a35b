"""What is computed from voxels and words: kernels, Dask jobs, the embedder."""
