"""Which living calls a session is given when its device subscribes, and when its worker resumes it."""

from collections.abc import Mapping

from trunkline.core.calls.model import Call, Redelivery, State
from trunkline.core.calls.rules import LEFT
from trunkline.core.calls.sessions import Session


def for_subscriber(calls: Mapping[int, Call], session: Session) -> dict[int, Call]:
    """What a fresh subscription gets: whatever waits, and again what the calls' redelivery says, in their old order."""
    return {
        number: call
        for number, call in calls.items()
        if number not in session.deliveries
        and (_waits(call) or (call.redelivery is Redelivery.UNANSWERED and call.ending is None and not session.poll))
    }


def for_resumed(calls: Mapping[int, Call], session: Session) -> dict[int, Call]:
    """What goes out after a break: what waited for the session, and what waits for any. Nothing acknowledged does."""
    waited = session.waiting
    return {
        number: call
        for number, call in calls.items()
        if number not in session.deliveries and (number in waited or _waits(call))
    }


def _waits(call: Call) -> bool:
    """Nobody has the call, and it may go out: for the first time, or because a session's end left it."""
    if call.open or call.ending is not None:
        return False
    return call.state is State.QUEUED or (call.state in LEFT and call.redelivery is not Redelivery.NEVER)
