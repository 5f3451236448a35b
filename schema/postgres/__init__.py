"""The embedded PostgreSQL server: its programs, its life, its backups. Tables and queries live in `schema` itself."""
