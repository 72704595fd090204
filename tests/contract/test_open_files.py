"""A process may open as many files as the system lets it, whatever it was started with."""

import resource
from collections.abc import Iterator

import pytest

from trunkline.contract.open_files import allow_open_files


@pytest.fixture
def few_files() -> Iterator[int]:
    """This process with the limit of a plain shell; yields what the system would let it have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_limit_is_raised(few_files: int) -> None:
    allowed = allow_open_files()
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (few_files, few_files)
    assert allowed == (few_files if few_files != resource.RLIM_INFINITY else 2**31)


def test_no_limit_is_many(few_files: int, monkeypatch: pytest.MonkeyPatch) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda _: unlimited)
    monkeypatch.setattr(resource, "setrlimit", lambda *_: None)
    assert allow_open_files() > 1_000_000
