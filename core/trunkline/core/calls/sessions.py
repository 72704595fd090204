"""A device's sessions as its machine sees them: subscription, slots, deliveries and what waits for a slot."""

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Final

from trunkline.core.calls.deliveries import ACKED, ACKED_AFTER_END, LOST, OPEN, UNACKED, Delivery, Told
from trunkline.core.calls.line import Line
from trunkline.core.calls.model import Call, Fact, SessionKey
from trunkline.v1.error_pb2 import Cause
from trunkline.v1.transport_service_pb2 import Acknowledgement, DeliveryState, SessionKind

# Bound once: looking up a member of a generated enum costs more than the rule that needs it.
_NOT_ACKNOWLEDGED: Final = DeliveryState.DELIVERY_STATE_NOT_ACKNOWLEDGED
_DELIVERED: Final = DeliveryState.DELIVERY_STATE_DELIVERED
_NOT_SENT: Final = DeliveryState.DELIVERY_STATE_NOT_SENT
_EXPLICIT: Final = Delivery.EXPLICIT
_UNACKNOWLEDGED: Final = Delivery.UNACKNOWLEDGED
_REPORTED_DELIVERED: Final = (Told(Fact.DELIVERED, False), Told(Fact.DELIVERED, True))

_OFFLINE: Final = Cause.CAUSE_DEVICE_OFFLINE


class Session:
    """One session. `epoch` grows with every session of the device; `max_inflight` is its number of slots."""

    __slots__ = (
        "asynchronous",
        "backlog",
        "deliveries",
        "ended",
        "epoch",
        "key",
        "max_inflight",
        "offers_as",
        "paused_until",
        "poll",
        "replaced",
        "slots",
        "stale",
        "subscribed",
        "suspended",
        "waiting",
    )

    def __init__(self, key: SessionKey, epoch: int, kind: SessionKind.ValueType, max_inflight: int) -> None:
        self.key = key
        self.suspended = False  # its link is broken; it may resume
        self.replaced = False  # told to close: gets nothing more, still speaks for what it has
        self.ended = False  # over, but its link has not told yet what became of some delivery
        self.subscribed = False
        self.offers_as = Delivery.IMPLIED
        self.paused_until = 0  # it could not send a call; gets the next one then
        self.deliveries: dict[int, Delivery] = {}
        self.stale: list[int] = []  # request ids of older packets, sent again since, that still hold a slot each
        self.waiting: dict[int, Call] = {}  # lightweight calls, for a slot here, in turn
        self.backlog = Line()  # stored calls, for their turn here
        self.describe(epoch, kind, max_inflight)

    def describe(self, epoch: int, kind: SessionKind.ValueType, max_inflight: int) -> None:
        """Set what the worker says of the session when it opens or resumes it."""
        self.epoch = epoch
        self.asynchronous = kind == SessionKind.SESSION_KIND_ASYNCHRONOUS
        self.poll = kind == SessionKind.SESSION_KIND_SYNCHRONOUS  # takes one call, then must subscribe again
        self.slots = max(1, max_inflight) - len(self.stale)  # for the deliveries below

    def subscribe(self, acknowledgement: Acknowledgement.ValueType) -> None:
        """Take calls from now on; `acknowledgement` says what an ack of theirs will mean."""
        self.subscribed = True
        explicit = acknowledgement == Acknowledgement.ACKNOWLEDGEMENT_EXPLICIT
        self.offers_as = Delivery.EXPLICIT if explicit else Delivery.IMPLIED

    def unsubscribe(self) -> None:
        """Take no more calls."""
        self.subscribed = False
        self.waiting.clear()
        self.backlog.clear()

    @property
    def taking(self) -> bool:
        """Whether calls may be given to it, now or when a slot is free."""
        return self.subscribed and not self.suspended

    @property
    def has_free_slot(self) -> bool:
        """Whether one more delivery fits."""
        return len(self.deliveries) < self.slots

    def lacks(self, request_id: int) -> bool:
        """Whether it has no packet of the call that could still get it acknowledged in time."""
        return self.deliveries.get(request_id, _UNACKNOWLEDGED) is _UNACKNOWLEDGED

    def make_stale(self, request_id: int) -> None:
        """The call is about to be sent once more; what was sent before keeps its slot."""
        self.stale.append(request_id)
        self.slots -= 1

    def _free(self, request_id: int) -> None:
        """One of the call's packets is done with."""
        if self.stale and request_id in self.stale:
            self.stale.remove(request_id)
            self.slots += 1
            self.deliveries[request_id] = _UNACKNOWLEDGED
        else:
            del self.deliveries[request_id]

    # Each of these notes what the worker said of a delivery. None: it says nothing new.

    def written(self, request_id: int) -> Told | None:
        """The worker's ack covers the delivery."""
        delivery = self.deliveries.get(request_id)
        if delivery is None:
            return None
        told = (ACKED_AFTER_END if self.ended else ACKED).get(delivery)
        if told is None:
            return None
        if delivery is _EXPLICIT and not self.ended:
            self.deliveries[request_id] = Delivery.WRITTEN
        else:
            self._free(request_id)
        return told

    def not_written(self, request_id: int) -> Told | None:
        """The worker never got the delivery, or it was taken back."""
        if self.deliveries.get(request_id) not in UNACKED:
            return None
        self._free(request_id)
        return Told(Fact.NOT_SENT, True)

    def reported(self, request_id: int, state: DeliveryState.ValueType) -> Told | None:
        """The worker reported what became of the delivery."""
        delivery = self.deliveries.get(request_id)
        if delivery is None:
            return None
        was_open = delivery in OPEN
        if state == _NOT_ACKNOWLEDGED and not self.ended:
            self.deliveries[request_id] = _UNACKNOWLEDGED
            return Told(Fact.NOT_ACKNOWLEDGED, was_open)
        self._free(request_id)
        if state != _DELIVERED:
            return Told(Fact.NOT_SENT if state == _NOT_SENT else Fact.NOT_ACKNOWLEDGED, was_open)
        return _REPORTED_DELIVERED[was_open]

    def close(self, lost: bool) -> list[tuple[int, Told]]:
        """The session is over, `lost`: and its worker will not tell any more. What is told of each delivery by that."""
        self.ended = True
        self.paused_until = 0  # if it is named again after all, it begins anew
        self.unsubscribe()
        self.slots += len(self.stale)
        self.stale.clear()
        told: list[tuple[int, Told]] = []
        for request_id, delivery in list(self.deliveries.items()):
            if delivery is Delivery.WRITTEN:
                del self.deliveries[request_id]
                told.append((request_id, Told(Fact.NOT_ACKNOWLEDGED, True)))
            elif delivery is Delivery.UNACKNOWLEDGED:
                del self.deliveries[request_id]
            elif lost and delivery in UNACKED:
                self.deliveries[request_id] = LOST[delivery]
                told.append((request_id, Told(Fact.LOST, True)))
        return told

    def resume(self, open: Collection[int]) -> list[tuple[int, bool]]:
        """The worker names its open deliveries: those it wrote and has not reported, a call once for each.

        Returns those that are news, with whether they had been counted as open.
        """
        self.ended = self.replaced = False
        deliveries = self.deliveries
        for request_id in [number for number in self.stale if number not in open]:
            self.stale.remove(request_id)
            self.slots += 1
        for request_id in [number for number, known in deliveries.items() if known in LOST.values()]:
            if request_id not in open:
                del deliveries[request_id]
        news: list[tuple[int, bool]] = []
        for request_id in open:
            known = deliveries.get(request_id)
            if known is not Delivery.WRITTEN and known is not Delivery.UNACKNOWLEDGED:
                deliveries[request_id] = Delivery.WRITTEN
                self.waiting.pop(request_id, None)
                news.append((request_id, known in UNACKED))
        for request_id, packets in Counter(open).items():  # more than one where a core of before sent it again
            for _ in range(self.stale.count(request_id) + 1, packets):
                self.make_stale(request_id)
        return news


class Sessions:
    """All sessions of one device: `current` ones, and `ended` ones that may still tell of a living call."""

    __slots__ = ("current", "ended")

    def __init__(self) -> None:
        self.current: dict[SessionKey, Session] = {}
        self.ended: dict[SessionKey, Session] = {}

    def find(self, key: SessionKey) -> Session | None:
        """The session, also if it ended."""
        return self.current.get(key) or self.ended.get(key)

    def end(self, key: SessionKey) -> tuple[Session, bool] | None:
        """Take a session as over; with whether its worker is lost: it was suspended, or over before."""
        session = self.current.pop(key, None)
        if session is not None:
            self.ended[key] = session
            return session, session.suspended
        session = self.ended.get(key)
        return None if session is None else (session, True)

    def drop_if_done(self, session: Session) -> None:
        """Forget an ended session that has nothing more to tell."""
        if session.ended and not session.deliveries:
            self.ended.pop(session.key, None)

    def forget_call(self, request_id: int) -> None:
        """A call is over: nothing waits for it, and ended sessions need not tell of it."""
        for session in self.current.values():
            if session.waiting:
                session.waiting.pop(request_id, None)
        if self.ended:
            for session in list(self.ended.values()):
                session.deliveries.pop(request_id, None)
                self.drop_if_done(session)

    def hold(self, request_id: int) -> bool:
        """Whether the call has a slot."""
        return any(request_id in one.deliveries for one in self.current.values())

    @property
    def taking(self) -> list[Session]:
        """Those that calls may be given to."""
        return [one for one in self.current.values() if one.taking]

    def with_unacked(self, request_id: int) -> list[Session]:
        """The sessions on whose links the call is on its way."""
        return [one for one in self if one.deliveries.get(request_id) in UNACKED]

    def __iter__(self) -> Iterator[Session]:
        yield from self.current.values()
        yield from self.ended.values()

    def beyond(self, limit: int) -> list[Session]:
        """The sessions to close so that `limit` asynchronous ones stay: those with the lowest epochs."""
        counted = [one for one in self.current.values() if one.asynchronous and not one.replaced]
        if len(counted) <= limit:
            return []
        counted.sort(key=lambda one: one.epoch)
        return counted[: len(counted) - limit]

    @property
    def reachable(self) -> bool:
        """Whether some session is subscribed, or suspended and may come back so."""
        return any(one.subscribed or one.suspended for one in self.current.values() if not one.replaced)

    @property
    def unavailability(self) -> Cause.ValueType:
        """Why a call was never sent, as the sessions stand now."""
        if not self.current:
            return _OFFLINE
        live = [one for one in self.current.values() if not one.suspended]
        if not live:
            return _OFFLINE
        if any(one.subscribed for one in live):
            return Cause.CAUSE_DEVICE_BUSY
        return Cause.CAUSE_DEVICE_NOT_SUBSCRIBED
