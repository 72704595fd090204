"""A device that is to be brought in, wherever it comes from."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from trunkline.cli.credentials import Credentials


@dataclass(frozen=True, slots=True)
class ImportedDevice:
    """What the device will be. Without credentials the server makes an access token up."""

    name: str
    type: str | None = None
    label: str | None = None
    customer: str | None = None
    """By title; made if there is none."""
    public: bool = False
    """Everybody's, in place of a customer."""
    additional_info: dict[str, Any] = field(default_factory=dict)
    credentials: Credentials | None = None

    def body(self, customer_id: Any) -> dict[str, Any]:
        """The device of the REST API; `customer_id` is a reference or None."""
        return {
            "name": self.name,
            "type": self.type,
            "label": self.label,
            "customerId": customer_id,
            "additionalInfo": self.additional_info or None,
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """A device that may be brought in: its name, and how to read the rest if it is."""

    name: str
    read: Callable[[], Awaitable[ImportedDevice]]
    """Raises CommandError if the device cannot be brought in."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some of the devices, and how many there are in all."""

    candidates: Sequence[Candidate]
    total: int
