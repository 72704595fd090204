"""Callers: they make calls over REST, ask again if the answer was lost, cancel some, and read what became of them."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from typing import Final

import httpx
from system.crash.ledger import Entry, Ledger, Row, Standing
from system.crash.wishes import body_of, next_wish

FINAL: Final = frozenset({"SUCCESSFUL", "EXPIRED", "FAILED"})
ANSWER_S: Final = 20.0
"""Longer than any request may take: its own time, and what a facade that starts needs."""
ASK_AGAIN_S: Final = 0.3
WAIT_MS: Final = 500


class Callers:
    """Everybody who calls; `device_ids` by the devices' numbers."""

    def __init__(
        self, http: httpx.AsyncClient, device_ids: Sequence[str], ledger: Ledger, chance: random.Random
    ) -> None:
        self.ending = False
        self._http = http
        self._device_ids = device_ids
        self._ledger = ledger
        self._chance = chance

    async def call(self, think_s: float) -> None:
        """One caller: one call after another, until `ending`."""
        while not self.ending:
            entry = self._ledger.new_call(next_wish(len(self._ledger.calls), self._chance))
            await self._make(entry)
            await asyncio.sleep(self._chance.expovariate(1 / think_s))

    async def read(self) -> None:
        """One reader: what became of calls, again and again, also of those that have ended; until cancelled."""
        while True:
            stored = [entry for entry in self._ledger.calls[-400:] if entry.call_id and entry.wish.stored]
            if stored:
                await self.look_at(self._chance.choice(stored))
            await asyncio.sleep(0.05)

    async def look_at(self, entry: Entry) -> None:
        """Read one stored call; its state once final must stay as it is."""
        response = await self._get(f"/api/rpc/persistent/{entry.call_id}", waitMs=WAIT_MS)
        if response is None:
            return
        if response.status_code != 200:
            self._ledger.faults.append(f"{entry} is not to be read: {response.status_code} {response.text}")
        else:
            self._told(entry, response.json())

    def _told(self, entry: Entry, row: Row) -> None:
        """Somebody was told how the call stands."""
        if not is_final(row["status"], entry.wish.two_way):
            if entry.final is not None:
                self._ledger.faults.append(f"{entry} was {entry.final} and is {row['status']}")
            return
        final = Standing(time.time(), row["status"], json.dumps(row["response"]))
        if entry.final is None:
            entry.final = final
        elif (entry.final.status, entry.final.response) != (final.status, final.response):
            self._ledger.faults.append(f"{entry} was {entry.final} and is {final}")

    async def _make(self, entry: Entry) -> None:
        wish = entry.wish
        path = f"/api/rpc/{'twoway' if wish.two_way else 'oneway'}/{self._device_ids[wish.device]}"
        body = body_of(entry)
        while True:
            entry.asked.append(time.time())
            answer, text = await self._post(path, body)
            entry.answers.append(answer)
            if answer == "200":
                self._accepted(entry, text)
                break
            if not wish.keyed or self.ending or time.time() > wish.expires_at:
                return
            await asyncio.sleep(ASK_AGAIN_S)
        if wish.cancel_after_s is not None:
            await asyncio.sleep(wish.cancel_after_s)
            answer, text = await self._post(f"/api/rpc/persistent/{entry.call_id}/cancel", None)
            if answer == "200":
                did = json.loads(text)
                entry.cancelled = did["result"]
                self._told(entry, did["rpc"])
            elif not answer.startswith(("503", "504", "no answer")):
                self._ledger.faults.append(f"{entry} is not to be cancelled: {answer} {text}")

    def _accepted(self, entry: Entry, text: str) -> None:
        entry.accepted_at = time.time()
        if entry.wish.stored:
            entry.call_id = json.loads(text)["rpcId"]
        else:
            entry.response = text

    async def _post(self, path: str, body: object) -> tuple[str, str]:
        """Status and cause, or what came instead of them; the answer's text."""
        try:
            async with asyncio.timeout(ANSWER_S):
                answer = await self._http.post(path, json=body)
        except httpx.TransportError as error:
            return f"no answer: {type(error).__name__}", ""
        except TimeoutError:
            self._ledger.faults.append(f"no answer within {ANSWER_S} s: {path} {body}")
            return "no answer: silence", ""
        return f"{answer.status_code} {answer.headers.get('Trunkline-Cause', '')}".strip(), answer.text

    async def _get(self, path: str, **query: object) -> httpx.Response | None:
        """None while parts are down."""
        try:
            response = await self._http.get(path, params=query)  # type: ignore[arg-type]  # str() is what it does
        except httpx.TransportError as error:
            self._ledger.unread[type(error).__name__] += 1
            return None
        if response.status_code in (503, 504):
            self._ledger.unread[str(response.status_code)] += 1
            return None
        return response


def is_final(status: str, two_way: bool) -> bool:
    """Whether nothing can come after this status."""
    return status in FINAL or (status == "DELIVERED" and not two_way)
