"""Predictions in files: scored against the masks of a dataset in the ReXGroundingCT layout. Needs no database."""
