"""Which calls the callers make: seeded, and mixed so that every policy meets every kind of device."""

import random
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from system.crash.ledger import Entry, Wish

STRATEGIES: Final = ("BURST", "SEQUENTIAL_ON_ACK_FROM_DEVICE", "SEQUENTIAL_ON_RESPONSE_FROM_DEVICE")
REDELIVERIES: Final = ("unanswered", "undelivered", "never")
LINES: Final = ((4, 1), (5, 1), (5, 0))
"""MQTT protocol level and QoS."""

RETRIES: Final = 2
LONG_S: Final = 60.0
MIDDLE_S: Final = 10.0
SHORT_S: Final = (0.7, 3.0)
LIGHTWEIGHT_S: Final = 6.0
STORED: Final = 0.85
"""Share of stored calls."""


@dataclass(frozen=True, slots=True)
class Nature:
    """What all calls of one device have in common."""

    strategy: str
    redelivery: str
    level: int
    qos: int


NATURES: Final[Sequence[Nature]] = [
    Nature(strategy, redelivery, level, qos)
    for level, qos in LINES
    for strategy in STRATEGIES
    for redelivery in REDELIVERIES
]
"""By the device's number."""


def next_wish(number: int, chance: random.Random) -> Wish:
    """The next call that somebody makes."""
    device = chance.randrange(len(NATURES))
    nature = NATURES[device]
    stored = chance.random() < STORED
    two_way = chance.random() < 0.8
    reply_s = chance.choices((0.0, chance.uniform(0.05, 1.0), None), (80, 15, 5))[0]
    if not stored:
        life_s = LIGHTWEIGHT_S
    elif reply_s is None:
        life_s = SHORT_S[1]
    else:  # a lost reply is made up for only under `unanswered`: others would wait for their end
        long_s = LONG_S if nature.redelivery == "unanswered" else MIDDLE_S
        life_s = chance.choices((long_s, *SHORT_S), (80, 10, 10))[0]
    unacked = chance.choices((0, 1, 2, 99), (88, 7, 3, 2))[0] if nature.qos and stored else 0
    return Wish(
        number=number,
        device=device,
        two_way=two_way,
        stored=stored,
        strategy=nature.strategy if stored else "",
        redelivery=nature.redelivery if stored else "unanswered",
        retries=RETRIES,
        expires_at=time.time() + life_s,
        unacked=unacked,
        reply_s=reply_s,
        keyed=stored and chance.random() < 0.5,
        cancel_after_s=chance.uniform(0.0, 2.0) if stored and chance.random() < 0.04 else None,
    )


def body_of(entry: Entry) -> dict[str, Any]:
    """The JSON of a REST call."""
    wish = entry.wish
    body: dict[str, Any] = {
        "method": "work",
        "params": {"n": wish.number, "unacked": wish.unacked, "reply_s": wish.reply_s},
        "expirationTime": int(wish.expires_at * 1000),
    }
    if wish.stored:
        body |= {"persistent": True, "retries": wish.retries}
        body |= {"submitStrategy": wish.strategy, "redelivery": wish.redelivery}
    if wish.keyed:
        body["requestUUID"] = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{wish.expires_at} {wish.number}"))
    return body
