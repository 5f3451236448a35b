"""Which labels of an organ mask are lung, and which lobe and side each is, from their names. No voxel is looked at."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LEVELS = ("upper", "middle", "lower")
_SIDES = ("left", "right")
_SHORT = {f"{side[0]}{level[0]}l": (side, level) for side in _SIDES for level in _LEVELS}
_NOT_LUNG = re.compile(r"airway|bronch|trache|pleura|effusion|pneumothorax|liver|thyroid|brain")


@dataclass(frozen=True)
class LungRoles:
    """What the labels of a scheme are to the lungs; a label that is not lung stands in none."""

    lungs: frozenset[int]
    """Every label of lung: a whole lung, a lobe, a segment, both lungs in one."""
    left: frozenset[int]
    right: frozenset[int]
    lobes: Mapping[int, str]
    """Label to lobe, such as `right middle lobe`; segments of a lobe have the lobe's name."""

    @property
    def unsided(self) -> frozenset[int]:
        """Labels of lung whose names give no side."""
        return self.lungs - self.left - self.right


def lung_roles(names: Mapping[int, str]) -> LungRoles:
    """Read the roles from the organs' names, in any case and order of words.

    Lung is what is called `lung` or `lungs`, or is a lobe or segment with a side and a level (`left_upper_lobe`,
    `RUL`); `lobe` or `segment` alone may be another organ's. What lies within, such as nodules and vessels, is lung
    too, so that it makes no hole; airways and what is of the pleura are not.
    """
    words = {label: _words(name) for label, name in names.items()}
    lobes = {label: lobe for label, said in words.items() if (lobe := _lobe(said))}
    lungs = frozenset(label for label, said in words.items() if _is_lung(said)) | lobes.keys()
    left, right = (frozenset(n for n in lungs if words[n] & set(_SIDES) == {side}) for side in _SIDES)
    return LungRoles(lungs, left, right, lobes)


def _words(name: str) -> frozenset[str]:
    said = re.findall("[a-z0-9]+", name.lower())
    spelled = [word for short in said for word in (*_SHORT.get(short, ()), *(["lobe"] if short in _SHORT else []))]
    return frozenset([*said, *spelled])


def _is_lung(words: frozenset[str]) -> bool:
    return bool(words & {"lung", "lungs"}) and not _NOT_LUNG.search(" ".join(words))


def _lobe(words: frozenset[str]) -> str | None:
    sides, levels = words & set(_SIDES), words & set(_LEVELS)
    parts = words & {"lobe", "segment"}
    if len(sides) != 1 or len(levels) != 1 or not parts or _NOT_LUNG.search(" ".join(words)):
        return None
    return f"{min(sides)} {min(levels)} lobe"
