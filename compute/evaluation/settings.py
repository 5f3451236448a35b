"""What an evaluator does, by name and version, so that every score can say how it came about."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

Matching: TypeAlias = Literal["greedy", "optimal"]
Instances: TypeAlias = Literal["components", "labels"]
Whole: TypeAlias = Literal["given", "kept"]
Missing: TypeAlias = Literal["left_out", "zero"]
PartialTruth: TypeAlias = Literal["exhaustive", "labelled_only"]

RANKS: Final = {6: 1, 18: 2, 26: 3}
"""The published flag `--cc_connectivity` for each neighbourhood of so many voxels."""


@dataclass(frozen=True)
class EvaluatorSettings:
    """One way to score a prediction; `dataclasses.replace` changes what a flag asks for."""

    name: str
    version: str
    global_only: bool = False
    """Whether only the overlap of whole findings is told, without instances and distances."""
    hit_dice: float = 0.1
    """A finding of this Dice or more is hit."""
    match_dice: float = 0.2
    """Two instances of this Dice or more may be matched."""
    min_voxels: int = 10
    """Predicted instances of fewer voxels are dropped."""
    connectivity: int = 18
    """Voxels joined to a component are among each other's nearest 6, 18 or 26."""
    cap: int | None = None
    """How many predicted instances are kept at most, the largest ones; None: all."""
    epsilon: float = 0.0
    """Added above and below in every Dice."""
    matching: Matching = "optimal"
    instances: Instances = "components"
    """What a predicted instance is: a component of all that is predicted, or a label. The truth's are labels."""
    whole: Whole = "given"
    """Which prediction the whole finding's figures are of: as given, or what is kept after `min_voxels` and `cap`.

    Without instances, under `global_only`, it is always the given one.
    """
    extended: bool = True
    """Whether rows hold more than the published fields."""
    distances: bool = True
    """Whether surface and centroid distances are told; only in extended rows."""
    nsd_tolerances_mm: tuple[float, ...] = (1.0, 2.0, 5.0)
    near_spacings: float = 2.0
    """An instance is found by distance within so many times the largest spacing."""
    size_edges_mm: tuple[float, ...] = (6.0, 10.0, 30.0)
    """Where the classes of recall by size part: diameters of the sphere of an instance's volume."""
    missing: Missing = "zero"
    """Whether a case without a usable prediction is left out of every sum or counts as 0."""
    as_uint8: bool = False
    """Whether voxels are cast to uint8, whatever they hold; otherwise what is no label is refused."""
    partial_truth: PartialTruth | None = None
    """How predictions are judged where the truth does not show everything; None: what it would take is not told.

    "exhaustive" takes the truth as if it did; "labelled_only" counts only predicted instances that touch a drawn one.
    """

    def __post_init__(self) -> None:
        if self.connectivity not in RANKS:
            raise ValueError(f"connectivity is 6, 18 or 26, not {self.connectivity}")

    def to_json(self) -> dict[str, Any]:
        """Every setting by its name, as JSON holds it."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @property
    def digest(self) -> str:
        """The sha256, in hex, of the settings as JSON with sorted keys."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()


REXRANK = EvaluatorSettings(
    name="rexrank",
    version="1",
    cap=50,
    epsilon=1e-6,
    matching="greedy",
    whole="kept",
    extended=False,
    distances=False,
    missing="left_out",
    as_uint8=True,
    partial_truth="exhaustive",
)
"""The published script, its oddities included."""

GROUNDCT = EvaluatorSettings(name="groundct", version="1")
"""Ours: nothing is cast, nothing missing is passed over, and what a partial truth cannot tell is not told."""

SETTINGS: Final = {settings.name: settings for settings in (REXRANK, GROUNDCT)}


def settings_named(name: str) -> EvaluatorSettings:
    """The settings of that name in their latest version.

    Raises:
        KeyError: there are none; `SETTINGS` holds the names.
    """
    return SETTINGS[name]
