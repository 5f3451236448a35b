"""Checks of a finding's words against what is drawn for it: pure functions from facts to results."""
