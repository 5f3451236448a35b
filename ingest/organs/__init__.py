"""Organ masks of scans, as segmentation models write them: found by name, held against the CT's frame, stored."""

from ingest.organs.importing import OrganOptions, import_organs
from ingest.organs.report import OrganReport

__all__ = ["OrganOptions", "OrganReport", "import_organs"]
