"""Holds what was seen against what was promised, for every call; pure. What it returns must be empty of faults."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from system.crash.ledger import NEVER, Entry, Ledger, Row
from system.crash.rewrites import ON_THE_WAY_S, Why, lost_with_the_core, why

SLACK_S: Final = 1.0
"""How late our own devices and readers may look at their sockets."""

ENOUGH_S: Final = 25.0
"""As much is enough for a device to get all that waits for it, once nobody kills parts any more."""

ANSWERS: Final = ("200", "429 QUEUE_FULL", "503", "504", "no answer")
"""How an answer to a good request may begin while parts are killed."""

EXHAUSTED: Final = "all retry attempts have been exhausted"
NO_REPLY_IN_TURN: Final = "timeout awaiting for RPC response"
CANCELLED: Final = "Cancelled"


@dataclass
class Account:
    """The outcome of a run."""

    faults: list[str] = field(default_factory=list)
    rewrites: Counter[Why] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    """Of stored calls."""
    suspects: list[Entry] = field(default_factory=list)
    """Calls with a fault."""


class Status(StrEnum):
    """How stored calls can end, in the words of REST."""

    SUCCESSFUL = "SUCCESSFUL"
    DELIVERED = "DELIVERED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"


def settle(ledger: Ledger, rows: Sequence[Row], ack_timeout_s: float) -> Account:
    """Everything that was promised, one rule after another. `rows` is what the server has in the end."""
    account = Account(list(ledger.faults))
    by_number: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        by_number[int(json.loads(row["request"]["body"]["params"])["n"])].append(row)
    for entry in ledger.calls:
        found = list(faults_of(entry, by_number[entry.wish.number], ledger))
        for row in by_number[entry.wish.number]:
            account.ends[end_of(row)] += 1
        for before, after in zip(entry.writes, entry.writes[1:], strict=False):
            reason = why(entry, before, after, ledger, ack_timeout_s)
            if reason is None:
                found.append(f"{entry} was written again without a reason: {before}, {after}")
            else:
                account.rewrites[reason] += 1
        account.faults += found
        if found:
            account.suspects.append(entry)
    account.faults += request_ids_are_unique(ledger.calls)
    return account


def faults_of(entry: Entry, rows: Sequence[Row], ledger: Ledger) -> Iterator[str]:
    """What was promised about every single call."""
    yield from (f"{entry} was answered {answer}" for answer in entry.answers if not answer.startswith(ANSWERS))
    yield from written_rightly(entry, ledger.qos[entry.wish.device])
    if entry.response is not None:
        yield from answered_rightly(entry)
    if entry.wish.stored:
        yield from stored_once(entry, rows)
    for row in rows:
        yield from ended_rightly(entry, row, ledger)
        yield from cancelled_rightly(entry, row, ledger)
        yield from not_given_up(entry, row, ledger.quiet_at)


def stored_once(entry: Entry, rows: Sequence[Row]) -> Iterator[str]:
    """An acknowledged call is there, exactly once; what was not acknowledged is there at most once."""
    ids = [row["id"]["id"] for row in rows]
    if len(ids) > 1:
        yield f"{entry} is stored {len(ids)} times: {ids}"
    if entry.call_id and ids != [entry.call_id]:
        yield f"{entry} was acknowledged and is stored as {ids}"


def ended_rightly(entry: Entry, row: Row, ledger: Ledger) -> Iterator[str]:
    """It has ended, as was told before, and for a reason that its life shows."""
    wish, status, response = entry.wish, row["status"], row["response"]
    if status not in Status.__members__ or (status == Status.DELIVERED and wish.two_way):
        yield f"{entry} has not ended: {status}"
        return
    told = entry.final
    if told is not None and (told.status, told.response) != (status, json.dumps(response)):
        yield f"{entry} had ended as {told}, and now it is {status} {response}"
    if status == Status.SUCCESSFUL and json.dumps(response) not in [reply.body for reply in entry.replies]:
        yield f"{entry} is SUCCESSFUL with {response}, which is none of {entry.replies}"
    if status == Status.DELIVERED and ledger.qos[wish.device] and all(w.acked_at == NEVER for w in entry.writes):
        yield f"{entry} is DELIVERED, but its device never acknowledged it: {entry.writes}"
    if status == Status.EXPIRED:
        if told is not None and told.at < wish.expires_at:
            yield f"{entry} is EXPIRED before its time, {wish.expires_at}: {told}"
        if any(reply.confirmed_at < wish.expires_at for reply in entry.replies):
            yield f"{entry} is EXPIRED, but the server had confirmed its reply before: {entry.replies}"
    if status == Status.FAILED:
        yield from failed_rightly(entry, str(response["error"]), ledger)


def not_given_up(entry: Entry, row: Row, quiet_at: float) -> Iterator[str]:
    """A call whose device is there again, and gets it again until it answers, is not left to expire."""
    wish = entry.wish
    answered = not wish.two_way or wish.reply_s is not None
    if row["status"] == Status.EXPIRED and wish.redelivery == "unanswered" and answered:
        if wish.expires_at > quiet_at + ENOUGH_S:
            yield f"{entry} is EXPIRED, although its device was there: {entry.writes} {entry.replies}"


def cancelled_rightly(entry: Entry, row: Row, ledger: Ledger) -> Iterator[str]:
    """What a cancellation said is true, as far as the core that was asked can know what became of the call."""
    did = entry.cancelled
    if did in ("WITHDRAWN", "MARKED") and CANCELLED not in str(row["response"]):
        yield f"{entry} was cancelled ({did}) and is {row['status']} {row['response']}"
    told_at = entry.final.at if entry.final is not None else NEVER
    known = [write for write in entry.writes if not lost_with_the_core(write.at, told_at, ledger)]
    if did == "WITHDRAWN" and known:
        yield f"{entry} was withdrawn, and its device got it: {known}"


def failed_rightly(entry: Entry, error: str, ledger: Ledger) -> Iterator[str]:
    """A call fails for what its policy says, and not for the crashes as such."""
    wish = entry.wish
    if EXHAUSTED in error:
        given_up = wish.redelivery == "never" and not surely_acknowledged(entry, ledger)
        if not given_up and sum(write.acked_at == NEVER for write in entry.writes) <= wish.retries:
            yield f"{entry} failed because {error}, but was written so: {entry.writes}"
    elif NO_REPLY_IN_TURN in error:
        if "RESPONSE" not in wish.strategy or not wish.two_way:
            yield f"{entry} failed because {error}"
    elif CANCELLED in error:
        if wish.cancel_after_s is None:
            yield f"{entry} was cancelled by nobody: {error}"
    elif wish.redelivery != "never" and entry.call_id:
        yield f"{entry} failed: {error}"


def surely_acknowledged(entry: Entry, ledger: Ledger) -> bool:
    """Whether the server must know that the device acknowledged the call: of one that is not sent again and of whose
    acknowledgement nobody can tell any more, it says that there was none."""
    for write in entry.writes:
        until = write.acked_at + ON_THE_WAY_S
        lost = lost_with_the_core(write.acked_at, until, ledger) or any(ledger.down("mqtt", write.acked_at, until))
        if until < ledger.connections[write.connection].ended_at and not lost:
            return True
    return False


def answered_rightly(entry: Entry) -> Iterator[str]:
    """A lightweight call's caller got a reply that its device made."""
    if entry.wish.two_way and entry.response not in [reply.body for reply in entry.replies]:
        yield f"{entry} was answered {entry.response!r}, which is none of {entry.replies}"


def written_rightly(entry: Entry, qos: int) -> Iterator[str]:
    """Always under one request id, never after its time, never after its end was told."""
    wish = entry.wish
    if len({write.request_id for write in entry.writes}) > 1:
        yield f"{entry} was written under several request ids: {entry.writes}"
    confirmed_at = min((reply.confirmed_at for reply in entry.replies), default=NEVER)
    for write in entry.writes:
        if write.earliest > wish.expires_at + SLACK_S:
            yield f"{entry} was written {write.earliest - wish.expires_at:.2f} s after its deadline: {write}"
        if write.remaining_ms is not None and not 0 < write.remaining_ms:
            yield f"{entry} was written with {write.remaining_ms} ms left: {write}"
        if write.remaining_ms is not None and write.earliest + write.remaining_ms / 1000 > wish.expires_at + SLACK_S:
            yield f"{entry} was written with {write.remaining_ms} ms left, more than it had: {write}"
        if qos and wish.stored and write.earliest > confirmed_at:
            yield f"{entry} was written after its reply was confirmed: {entry.replies} {write}"
        if entry.final is not None and write.earliest > entry.final.at + SLACK_S:
            yield f"{entry} was written after it had ended as {entry.final}: {write}"


def request_ids_are_unique(calls: Sequence[Entry]) -> Iterator[str]:
    """No two calls of a device have the same request id within one run."""
    seen: dict[tuple[int, int], Entry] = {}
    for entry in calls:
        for request_id in {write.request_id for write in entry.writes}:
            other = seen.setdefault((entry.wish.device, request_id), entry)
            if other is not entry:
                yield f"{entry} and {other} have the same request id {request_id}"


def end_of(row: Row) -> str:
    """How a row ended, for people."""
    error = row["response"].get("error") if isinstance(row["response"], dict) else None
    return f"{row['status']}: {error}" if error else str(row["status"])
