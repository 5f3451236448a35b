"""Every selection in one place: what each kind of row is in SQL, filters, pages, links, search and counts.

`views` says which column or expression each field is; `links` how kinds of rows reach each other; `filters` turns
typed filters into conditions. These only build expressions. `reading`, `pages`, `search`, `voxels` and `status` send
them, in a session that the caller opened; nothing here commits.
"""
