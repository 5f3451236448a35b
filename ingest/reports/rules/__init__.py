"""The rules that read reports without key or network: rewrite, extract, describe; vocabularies lie beside them as TOML."""
