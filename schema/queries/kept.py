"""The answers to what was asked last, so that it is not worked out again; threads may share them."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(eq=False)
class Kept(Generic[T]):
    """So many answers at most, made of so many characters all together; what was asked for longest ago goes first."""

    most: int
    most_characters: int
    _answers: OrderedDict[Hashable, tuple[T, int]] = field(default_factory=OrderedDict)
    _characters: int = 0
    _lock: Lock = field(default_factory=Lock)

    def find(self, asked: Hashable) -> T | None:
        """Give the answer, if it is there."""
        with self._lock:
            if (found := self._answers.get(asked)) is None:
                return None
            self._answers.move_to_end(asked)
            return found[0]

    def put(self, asked: Hashable, answer: T, characters: int) -> T:
        """Keep an answer, unless it alone is too large."""
        with self._lock:
            if characters <= self.most_characters:
                self._characters += characters - self._answers.get(asked, (answer, 0))[1]
                self._answers[asked] = answer, characters
                self._answers.move_to_end(asked)
            while len(self._answers) > self.most or self._characters > self.most_characters:
                self._characters -= self._answers.popitem(last=False)[1][1]
        return answer

    def all(self) -> list[T]:
        """Give the answers, what was asked for longest ago first."""
        with self._lock:
            return [answer for answer, _ in self._answers.values()]
