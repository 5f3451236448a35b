"""The array store: the voxels of volumes and labels, and their canonical form; no kernels, no database.

Reading order: `runs` (what labels are), `store` (where they lie), then `layout`, `folder` and `scratch` below it.
"""
