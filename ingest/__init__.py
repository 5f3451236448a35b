"""From sources to rows and arrays: readers that know no database, and loaders that are idempotent."""
