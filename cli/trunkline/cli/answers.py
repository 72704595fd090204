"""What a server's answers say, read for people: the JSON, or why there is none."""

from typing import Any, Final

import httpx

from trunkline.cli.errors import CommandError

_PASSING: Final = frozenset({0, 429, 502, 503, 504})


class RestError(CommandError):
    """The server refused a request or could not be reached; the message is for people."""

    def __init__(self, message: str, status: int = 0) -> None:
        """`status` is the HTTP status of a refusal, 0 if there was no answer."""
        super().__init__(message)
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether the same may succeed later: nobody answered, or the server is busy or half gone."""
        return self.status in _PASSING


def read_json(answer: httpx.Response) -> Any:
    """The JSON of a success. Raises RestError for all else."""
    if answer.is_success:
        try:
            return answer.json()
        except ValueError:
            raise RestError(f"{answer.url.copy_with(query=None)} is not a Trunkline server.") from None
    raise refusal(answer)


def refusal(answer: httpx.Response) -> RestError:
    """A refused request in the server's words."""
    return RestError(f"{message(answer)} (HTTP {answer.status_code})", answer.status_code)


def message(answer: httpx.Response) -> str:
    """The standard error body's message, or whatever came instead of one."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200] or answer.reason_phrase


def error_code(answer: httpx.Response) -> int:
    """The standard error body's code, 0 without one."""
    try:
        return int(answer.json()["errorCode"])
    except (ValueError, KeyError, TypeError):
        return 0
