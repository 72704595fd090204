"""uvicorn's HTTP protocol, with a shortcut for the hottest path: a whole answer in one write.

Through ASGI an answer is two messages, so two system calls, and uvicorn looks at each header with two regular
expressions; together that was a sixth of what the facade spends on a call. Whoever wraps `send` to change answers must
take the extension out of the scope: without it everything goes through `send`.
"""

from typing import Final

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from trunkline.facade.headers import SECURITY_HEADERS
from trunkline.facade.rpc_answer import Answer

EXTENSION: Final = "trunkline.whole_answer"


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_SECURITY_LINES: Final = _lines(list(SECURITY_HEADERS))


class HttpProtocol(HttpToolsProtocol):
    """Offers the shortcut to the application."""

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        self.scope["extensions"] = {EXTENSION: {"cycle": self.cycle}}  # the application runs in the loop's next turn


def answer_at_once(scope: Scope, answer: Answer) -> bool:
    """Write the whole answer, security headers included; False if it must go through `send`.

    The answer's headers must be its maker's own, with nothing of the request in them: they are not looked at.
    """
    extension = scope.get("extensions", {}).get(EXTENSION)
    if extension is None or scope["method"] == "HEAD":
        return False
    cycle: RequestResponseCycle = extension["cycle"]
    if cycle.flow.write_paused:
        return False
    if cycle.disconnected:
        return True
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(
        b"".join(
            [
                STATUS_LINE[answer.status],
                _lines(cycle.default_headers),
                _lines(answer.headers),
                _SECURITY_LINES,
                b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n",
                answer.body,
            ]
        )
    )
    cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True
