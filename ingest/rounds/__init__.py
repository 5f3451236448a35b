"""Rounds of annotation going out, coming back, and held against each other."""
