"""Releases going out: in the ReXGroundingCT layout, for nnU-Net, as Parquet tables, as a manifest for loaders."""
