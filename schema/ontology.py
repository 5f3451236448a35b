"""The ontology: a versioned tree of categories, kept as data."""

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, Session, select

from schema.base import Table, enum_column, identity


class Focality(StrEnum):
    """How a category's lesions are bounded."""

    FOCAL = "focal"
    NON_FOCAL = "non_focal"
    NEITHER = "neither"


class Ontology(Table, table=True):
    """One version of a tree of categories; what is published of it never changes."""

    __tablename__ = "ontology"
    __table_args__ = (sa.UniqueConstraint("name", "version"),)
    id: int = identity()
    name: str
    version: str
    source: str | None = None


class Category(Table, table=True):
    """One node of an ontology; a subtree is a range of paths."""

    __tablename__ = "category"
    __table_args__ = (
        sa.UniqueConstraint("ontology_id", "code"),
        sa.UniqueConstraint("ontology_id", "path"),
        sa.UniqueConstraint("id", "ontology_id"),
        sa.ForeignKeyConstraint(["parent_id", "ontology_id"], ["category.id", "category.ontology_id"]),
    )
    id: int = identity()
    ontology_id: int = Field(foreign_key="ontology.id", sa_type=sa.BigInteger)
    parent_id: int | None = Field(default=None, sa_type=sa.BigInteger)
    """The parent, of the same ontology; null for a root."""
    code: str
    """As sources write it: `2`, `2d`."""
    path: str = Field(sa_type=sa.Text(collation="C"))
    """`02/`, `02/d/`: the subtree of a path p is p <= path < p with its last character raised by one."""
    name: str
    focality: Focality = Field(sa_type=enum_column(Focality))
    segmented: bool
    """Whether masks are drawn for it."""
    assignable: bool
    """Whether a finding may have this code."""


@dataclass(frozen=True)
class CategoryDraft:
    """A category as the ontology's file gives it."""

    code: str
    parent: str | None
    name: str
    focality: Focality
    segmented: bool
    assignable: bool

    @property
    def path(self) -> str:
        """The path of the code: the parent's number on two digits, then the letter."""
        number = self.code.rstrip("abcdefghijklmnopqrstuvwxyz")
        letter = self.code[len(number) :]
        return f"{int(number):02d}/" + (f"{letter}/" if letter else "")


@dataclass(frozen=True)
class OntologyDraft:
    """An ontology as its file gives it."""

    name: str
    version: str
    source: str
    categories: tuple[CategoryDraft, ...]


def _parents(roots: list[dict[str, Any]]) -> list[CategoryDraft]:
    drafts = []
    for root in roots:
        focality, segmented = Focality(root["focality"]), root["segmented"]
        children = root["children"]
        drafts.append(CategoryDraft(root["code"], None, root["name"], focality, segmented, assignable=not children))
        drafts += [
            CategoryDraft(root["code"] + letter, root["code"], name, focality, segmented, assignable=True)
            for letter, name in children.items()
        ]
    return drafts


@cache
def rexgroundingct_ontology() -> OntologyDraft:
    """Read the ontology that ReXGroundingCT's findings are categorised with: 12 parents, 62 assignable codes."""
    content = json.loads(resources.files("schema").joinpath("ontologies/rexgroundingct.json").read_text("utf-8"))
    return OntologyDraft(content["name"], content["version"], content["source"], tuple(_parents(content["roots"])))


@cache
def assignable_codes() -> frozenset[str]:
    """Give the codes that a finding may have."""
    return frozenset(category.code for category in rexgroundingct_ontology().categories if category.assignable)


def subtree_range(path: str) -> tuple[str, str]:
    """Give the half-open range of paths that a category's subtree fills."""
    return path, path[:-1] + chr(ord(path[-1]) + 1)


def save_ontology(session: Session, draft: OntologyDraft) -> int:
    """Add an ontology, as the owner, unless this version is there, and give its key."""
    named = select(Ontology.id).where(Ontology.name == draft.name, Ontology.version == draft.version)
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(draft.name, 0))))
    if (key := session.exec(named).one_or_none()) is not None:
        return key
    ontology = Ontology(name=draft.name, version=draft.version, source=draft.source)
    session.add(ontology)
    session.flush()
    keys: dict[str, int] = {}
    for category in draft.categories:
        row = Category(
            ontology_id=ontology.id,
            parent_id=keys[category.parent] if category.parent else None,
            path=category.path,
            **{name: getattr(category, name) for name in ("code", "name", "focality", "segmented", "assignable")},
        )
        session.add(row)
        session.flush()
        keys[category.code] = row.id
    return ontology.id
