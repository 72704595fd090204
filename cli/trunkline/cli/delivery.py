"""How a call may reach its device, in the words of the command line and in those of the REST API."""

from enum import StrEnum
from typing import Final


class Strategy(StrEnum):
    """When a device gets the stored calls behind this one."""

    BURST = "burst"
    ON_ACK = "on-ack"
    ON_RESPONSE = "on-response"


STRATEGY_IN_REST: Final = {
    Strategy.BURST: "BURST",
    Strategy.ON_ACK: "SEQUENTIAL_ON_ACK_FROM_DEVICE",
    Strategy.ON_RESPONSE: "SEQUENTIAL_ON_RESPONSE_FROM_DEVICE",
}


class Redelivery(StrEnum):
    """Which calls a device gets again when it subscribes anew; REST has the same words."""

    UNANSWERED = "unanswered"
    UNDELIVERED = "undelivered"
    NEVER = "never"


class Status(StrEnum):
    """Where a stored call stands, in the words of the REST API."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    DELIVERED = "DELIVERED"
    SUCCESSFUL = "SUCCESSFUL"
    TIMEOUT = "TIMEOUT"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    DELETED = "DELETED"
