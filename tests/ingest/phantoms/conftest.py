"""A phantom dataset of the default size, written once for all tests of this folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from ingest.phantoms import JSON_NAME, SECOND_JSON_NAME, Expected, make_dataset


@dataclass(frozen=True)
class Written:
    folder: Path
    expected: Expected

    @cached_property
    def first(self) -> Mapping[str, list[dict[str, Any]]]:
        return json.loads((self.folder / JSON_NAME).read_text(encoding="utf-8"))

    @cached_property
    def second(self) -> Mapping[str, list[dict[str, Any]]]:
        return json.loads((self.folder / SECOND_JSON_NAME).read_text(encoding="utf-8"))

    @cached_property
    def faulty(self) -> frozenset[str]:
        return frozenset(fault.scan for fault in self.expected.faults)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("phantoms")
    return Written(folder, make_dataset(folder))
