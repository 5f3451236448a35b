"""What the setting GROUNDCT_ARRAYS may say."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from schema.errors import SettingsError

BUCKETS = ("s3", "gs")
"""Kinds of object stores, as their addresses begin."""


def check_address(url: str) -> None:
    """Raise a SettingsError, which never repeats a password, unless `url` can name a place for arrays."""
    if not url or url == "file://":
        raise SettingsError("GROUNDCT_ARRAYS is empty; give a folder's path or an address like s3://bucket/prefix")
    if "://" not in url:
        return
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query:
        raise SettingsError("GROUNDCT_ARRAYS holds credentials or options: give those as AWS_... variables instead")
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return
    if parts.scheme not in BUCKETS or not parts.netloc:
        known = "a folder's path, s3://bucket/prefix or gs://bucket/prefix"
        raise SettingsError(f"GROUNDCT_ARRAYS={url} names no place for arrays; give {known}")


def is_bucket(url: str) -> bool:
    """Whether an address that was checked is an object store's."""
    return url.startswith(tuple(f"{kind}://" for kind in BUCKETS))


def folder_path(url: str) -> Path:
    """The absolute path that an address which is no bucket names: a path, with or without `~`, or a file:// address."""
    path = unquote(urlsplit(url).path) if "://" in url else url
    return Path(path).expanduser().absolute()
