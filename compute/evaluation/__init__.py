"""Scoring predictions against drawn findings: results from tables of runs. No file and no database is touched here."""
