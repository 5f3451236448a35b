"""The words of GroundCT: tables, value types, enums, the ontology, queries, sessions, settings, and the array store.

Everything else may import from here; this package imports none of the others.
"""
