"""The rules that read reports without key or network; their vocabularies lie beside them as TOML."""
