"""Releases of our own: chosen, guarded, frozen, compared, described; and patients who withdraw from all of them."""
