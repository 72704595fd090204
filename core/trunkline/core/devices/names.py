"""What a new device is called if its name is taken, and somebody would rather have another name than an error."""

import secrets
import string
from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

DEFAULT_SEPARATOR: Final = "_"
RANDOM_LENGTH: Final = 6
_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class NameConflict:
    """How a name that is taken is made unique: as ThingsBoard does it, by something behind it."""

    separator: str = DEFAULT_SEPARATOR
    """Between the name and what is added."""
    count: bool = False
    """Add the first free number from 1 on; otherwise random letters and digits."""


def free_name(name: str, taken: Container[str], conflict: NameConflict) -> str:
    """`name` if it is not taken, else with something behind it that makes it so."""
    if name not in taken:
        return name
    endings = _numbers() if conflict.count else _random_endings()
    return next(longer for ending in endings if (longer := name + conflict.separator + ending) not in taken)


def _numbers() -> Iterator[str]:
    return map(str, count(1))


def _random_endings() -> Iterator[str]:
    while True:
        yield "".join(secrets.choice(_ALPHABET) for _ in range(RANDOM_LENGTH))
