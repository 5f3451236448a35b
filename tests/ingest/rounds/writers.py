"""A process that adds annotations without end, and notes each that it was told is in."""

import os
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

from compute.geometry import measure_finding
from ingest.rounds.campaign import open_campaign, wanted_findings
from ingest.rounds.people import get_annotator
from ingest.rounds.saving import Author, Saved, save_annotation
from schema.annotation import AnnotationState
from schema.arrays.runs import LabelRuns
from schema.arrays.store import ArrayStore
from schema.database import Database

Task = tuple[str, str]
"""Round and annotator."""


def write_on(database: Database, arrays_url: str, tasks: list[Task], journal: Path, seed: int, most: int) -> None:
    """Add annotations of any finding; a line `round annotator finding digest` is written after each commit."""
    chance, arrays = random.Random(seed), ArrayStore(arrays_url)  # noqa: S311 - moments, not secrets
    known: dict[Task, Any] = {}
    with journal.open("a") as file:
        for _ in range(most):
            task = chance.choice(tasks)
            with database.transaction() as session:
                if task not in known:
                    campaign = open_campaign(session, task[0])
                    person = get_annotator(session, task[1])
                    known[task] = Author(campaign, person.id, person.pseudonym), wanted_findings(session, campaign)
                author, wanted = known[task]
                finding = chance.choice(wanted)
                labels = random_labels(chance, finding.grid.shape_vox[::-1])
                measures = measure_finding(labels, None)
                saved = save_annotation(session, arrays, author, finding, (labels, measures), AnnotationState.SUBMITTED)
            if saved is not Saved.UNCHANGED:
                file.write(f"{task[0]} {task[1]} {finding.id} {labels.digest()}\n")
                file.flush()


def random_labels(chance: random.Random, shape_zyx: Any) -> LabelRuns:
    """One to three small boxes anywhere."""
    labels = np.zeros(shape_zyx, np.uint8)
    for label in range(1, chance.randint(2, 4)):
        z, y, x = (chance.randrange(size - 6) for size in shape_zyx)
        labels[z : z + chance.randint(1, 6), y : y + chance.randint(1, 6), x : x + chance.randint(1, 6)] = label
    return LabelRuns.from_dense(labels)


def forked(database: Database, arrays_url: str, tasks: list[Task], journal: Path, seed: int, most: int = 10**9) -> int:
    """Start a writer as a child of this process, and give its id; it ends with its work, or when it is killed."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        write_on(database, arrays_url, tasks, journal, seed, most)
        code = 0
    except BaseException as error:
        print(f"writer {seed}: {error!r}", file=sys.stderr)  # noqa: T201
    finally:
        os._exit(code)
