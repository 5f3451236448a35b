"""The rules that read reports without key or network; vocabularies lie beside them as TOML."""
