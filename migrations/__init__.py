"""Alembic migrations, run by `groundct migrate`."""
