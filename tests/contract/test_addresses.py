import pytest

from trunkline.contract.addresses import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_only_this_machine_reaches_it(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.test", "localhost.example.test", ""])
def test_others_may_reach_it(host: str) -> None:
    assert not is_loopback(host)
