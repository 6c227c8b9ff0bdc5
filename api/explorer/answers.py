"""Answers that were given: questions come in, what was answered goes out for as long as it would be answered again.

Bounded in bytes; what was asked for since it was last in line is kept longer. Threads that commit forget, the event
loop remembers.
"""

import asyncio
import threading
import time
from collections.abc import Iterable, Mapping

from msgspec import Struct

from api.explorer.grounds import Ground
from api.explorer.splicing import Piece

Headers = tuple[tuple[bytes, bytes], ...]

NO_MARKS: Mapping[str, str] = {}

Asked = tuple[str, bytes]
"""A path with its query."""

PAST_MAX = 64
OVERHEAD_BYTES = 700
"""What Python needs beside the body of an answer."""


class Answer:
    """A body up to where it tells its head, and how it told it; where it tells none, the tail is empty.

    `own_head` says that the head is part of what was asked, and is not to be told anew. `marks` are headers for whoever
    marks answers.
    """

    __slots__ = ("body", "headers", "marks", "own_head", "tail")

    def __init__(
        self, headers: Headers, body: bytes, tail: bytes, *, own_head: bool = False, marks: Mapping[str, str] = NO_MARKS
    ) -> None:
        self.headers, self.own_head, self.marks = headers, own_head, marks
        self.body, self.tail = Piece(body), Piece(tail, is_last=True)

    @property
    def weight(self) -> int:
        """Without what it comes to packed, a fifth of that, where readers take it so."""
        return len(self.body.plain) + OVERHEAD_BYTES


class Past(Struct, frozen=True):
    """An answer that holds no more, and since when."""

    answer: Answer
    since: float


class Slot:
    """A question that is being answered, or was. It is let go of when one of its grounds moves.

    What was answered before may be said for a while of a question that `lasts`.
    """

    __slots__ = ("answer", "asked", "before", "grounds", "is_wanted", "lasts", "waiting")

    def __init__(self, asked: Asked, grounds: tuple[Ground, ...], *, lasts: bool, before: Past | None) -> None:
        self.asked, self.grounds, self.lasts, self.before = asked, grounds, lasts, before
        self.answer: Answer | None = None
        self.is_wanted = False
        self.waiting: asyncio.Future[Answer | None] | None = None


class Answers:
    """Safe to use from an event loop while other threads `forget`."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._slots: dict[Asked, Slot] = {}
        self._standing: dict[Ground, dict[Asked, Slot]] = {}
        self._past: dict[Asked, Past] = {}
        self._turn = threading.Lock()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._slots)

    def find(self, asked: Asked) -> Slot | None:
        slot = self._slots.get(asked)
        if slot is not None:
            slot.is_wanted = True
        return slot

    def begin(self, asked: Asked, grounds: tuple[Ground, ...], *, lasts: bool = False) -> Slot:
        """To be called before anything is read: a change from here on makes the answer old."""
        with self._turn:
            self._drop(asked)
            slot = Slot(asked, grounds, lasts=lasts, before=self._past.pop(asked, None))
            self._slots[asked] = slot
            for ground in grounds:
                self._standing.setdefault(ground, {})[asked] = slot
        return slot

    def finish(self, slot: Slot, answer: Answer | None) -> None:
        """`answer` is None where there is none that may be given again."""
        with self._turn:
            if self._slots.get(slot.asked) is slot:
                if answer is None:
                    self._drop(slot.asked)
                else:
                    slot.answer = answer
                    self.bytes += answer.weight
                    self._make_room()
        if slot.waiting is not None and not slot.waiting.done():
            slot.waiting.set_result(answer)

    def forget(self, grounds: Iterable[Ground]) -> None:
        with self._turn:
            for ground in grounds:
                for asked, slot in tuple(self._standing.get(ground, {}).items()):
                    self._drop(asked)
                    if slot.lasts and len(self._past) < PAST_MAX:
                        self._remember(slot)

    def forget_all(self) -> None:
        with self._turn:
            self._past.clear()
            self._slots.clear()
            self._standing.clear()
            self.bytes = 0

    def _remember(self, slot: Slot) -> None:
        past = Past(slot.answer, time.monotonic()) if slot.answer else slot.before
        if past is not None:
            self._past[slot.asked] = past

    def _make_room(self) -> None:
        """The oldest go first, unless they were asked for since they were last in line."""
        while self.bytes > self._bytes_max:
            asked, slot = next(iter(self._slots.items()))
            if slot.is_wanted or slot.answer is None:
                slot.is_wanted = False
                self._slots[asked] = self._slots.pop(asked)
            else:
                self._drop(asked)

    def _drop(self, asked: Asked) -> None:
        slot = self._slots.pop(asked, None)
        if slot is None:
            return
        if slot.answer is not None:
            self.bytes -= slot.answer.weight
        for ground in slot.grounds:
            standing = self._standing.get(ground, {})
            standing.pop(asked, None)
            if not standing:
                self._standing.pop(ground, None)
