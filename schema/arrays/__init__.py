"""The array store: the voxels of volumes and labels, and their canonical form; no kernels, no database.

Reading order: `runs` (what labels are), `store` (the door), `opened` and `regions` (reading), `parts`, `layout` and
`shards` (what an array is made of), then `place` and its two kinds, `folder` and `bucket`.
"""
