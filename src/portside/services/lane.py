"""Decide when something that goes one way through a bad network arrives.

In       how bad it is, and the size of what goes
Out      the moment at which it is due; for a packet perhaps none: it is lost
Source   the seed, by `random.Random`; RFC 6298 and Linux for what a loss costs a stream
Holds    one generator, and until when the way is taken
Fails    never

Of a stream nothing can be lost: its sender's kernel notices and sends again. So a loss
is what it looks like from above, a wait, and what comes behind waits too. A packet that
is late is overtaken by the next one, and one that is lost is gone.

The rate is a bucket that holds nothing: who comes early waits until those before have
gone. A stream then waits; a packet that would wait for longer than a router keeps it is
lost, or a sender faster than the rate would find its answers ever later.

For each thing the same draws are made in the same order, also for what is switched off:
the loss that a seed gives to the n-th one stays where it is when the delay is changed.
"""

import math
import threading
from random import Random

from portside.services.forward_settings import ForwardSettings

__all__ = ["MAX_PIECE_BYTES", "Lane"]

RETRANSMIT_SECONDS = 0.2
"""When Linux sends again what was not acknowledged, at the earliest (TCP_RTO_MIN);
twice as long each time after (RFC 6298 section 5.5)."""

MAX_LOSSES = 6
"""How often the same piece is lost in a row, or loss=1 would be the end of all."""

MAX_QUEUE_SECONDS = 0.5
"""How long a packet may wait for its turn where there is a rate. A guess: routers at
home hold anything from some milliseconds to seconds."""

MAX_PIECE_BYTES = 16384
"""What of a stream shares one fate: a guess; a segment on a real link has 1460."""

PIECE_SECONDS = 0.05
"""How much of a slow stream goes at once, so that it flows and does not gush."""


class Lane:
    """One direction, of one stream or of all packets.

    Args:
        settings: how bad it is.
        name: the direction, so that each has fates of its own.
    """

    def __init__(self, settings: ForwardSettings, name: str) -> None:
        self._settings = settings
        self._mutex = threading.Lock()  # guards all below: packets come by many threads
        self._random = Random(f"{settings.seed} {name}")
        self._free_at = -math.inf
        self._last_due = -math.inf

    @property
    def piece_bytes(self) -> int:
        """How much of a stream to take at once."""
        rate = self._settings.rate
        if rate is None:
            return MAX_PIECE_BYTES
        return max(1, min(MAX_PIECE_BYTES, int(rate * PIECE_SECONDS)))

    def due_of_piece(self, n_bytes: int, at: float) -> float:
        """Return when the next piece of a stream arrives: never before an earlier one.

        Args:
            n_bytes: its size.
            at: when it was sent.
        """
        with self._mutex:
            unlucky, late = self._draw()
            again = RETRANSMIT_SECONDS * (2 ** self._losses(unlucky) - 1)
            due = self._leaves(n_bytes, at) + self._settings.delay + late + again
            self._last_due = max(self._last_due, due)
            return self._last_due

    def due_of_packet(self, n_bytes: int, at: float) -> float | None:
        """Return when the next packet arrives; None if it is lost.

        Args:
            n_bytes: its size.
            at: when it was sent.
        """
        with self._mutex:
            unlucky, late = self._draw()
            if unlucky < self._settings.loss:
                return None
            if self._free_at - at > MAX_QUEUE_SECONDS:
                return None
            return self._leaves(n_bytes, at) + self._settings.delay + late

    def _draw(self) -> tuple[float, float]:
        draw = self._random.random
        return draw(), draw() * self._settings.jitter

    def _losses(self, unlucky: float) -> int:
        """Return how often in a row a piece is lost: twice by the square of loss."""
        losses, chance = 0, self._settings.loss
        while unlucky < chance and losses < MAX_LOSSES:
            losses += 1
            chance *= self._settings.loss
        return losses

    def _leaves(self, n_bytes: int, at: float) -> float:
        if self._settings.rate is None:
            return at
        self._free_at = max(at, self._free_at) + n_bytes / self._settings.rate
        return self._free_at
