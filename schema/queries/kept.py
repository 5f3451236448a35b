"""The answers to what was asked last, so that it is not worked out again; threads may share them."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class Kept(Generic[T]):
    """At most so many answers; the one that was asked for longest ago goes first."""

    most: int
    _answers: OrderedDict[Hashable, T] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def find(self, asked: Hashable) -> T | None:
        """Give the answer, if it is there."""
        with self._lock:
            if asked in self._answers:
                self._answers.move_to_end(asked)
            return self._answers.get(asked)

    def put(self, asked: Hashable, answer: T) -> T:
        """Keep an answer."""
        with self._lock:
            self._answers[asked] = answer
            while len(self._answers) > self.most:
                self._answers.popitem(last=False)
        return answer
