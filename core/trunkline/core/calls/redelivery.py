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


def stored_for_subscriber(call: Call, session: Session, waits: bool) -> bool:
    """Whether a fresh subscription gets this stored call in its turn; `waits`: it goes to whoever takes calls."""
    if call.ending is not None or not session.lacks(call.request_id):
        return False
    if waits:
        return True
    if (
        call.redelivery is Redelivery.NEVER or call.request_id in session.deliveries
    ):  # there it timed out: a retry follows
        return False
    if call.redelivery is Redelivery.UNANSWERED and not session.poll:
        return True
    return call.open == 0 and (call.state in LEFT or call.state is State.SENT)  # SENT: before the core's start


def stored_for_resumed(call: Call, session: Session, waits: bool) -> bool:
    """The same after a break. What the last core sent is with the worker, or was reported by it."""
    if call.ending is not None or not session.lacks(call.request_id):
        return False
    if waits:
        return True
    if call.redelivery is Redelivery.NEVER or call.open or call.request_id in session.deliveries:
        return False
    return call.state in LEFT and not (call.keeping is not None and call.keeping.overdue)  # those wait for their retry
