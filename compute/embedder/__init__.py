"""Vectors of texts from a model that runs here: no key, no network. Nothing here knows the database or the settings."""
