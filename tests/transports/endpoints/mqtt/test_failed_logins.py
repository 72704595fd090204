from trunkline.transports.endpoints.mqtt.failed_logins import KEPT, FailedLogins

HERE, THERE = "192.0.2.1", "2001:db8::1"


def failing(times: int, logins: FailedLogins, now: int = 0) -> None:
    for _ in range(times):
        logins.failed(HERE, now)


def test_too_many_in_a_row_block_the_address_and_no_other() -> None:
    logins = FailedLogins(3, 60_000)
    failing(2, logins)
    assert not logins.blocked(HERE, 0)
    failing(1, logins)
    assert logins.blocked(HERE, 0)
    assert not logins.blocked(THERE, 0)


def test_a_block_ends_and_then_all_failures_are_forgiven() -> None:
    logins = FailedLogins(3, 60_000)
    failing(3, logins)
    assert logins.blocked(HERE, 59_999)
    assert not logins.blocked(HERE, 60_000)
    failing(2, logins, 60_000)
    assert not logins.blocked(HERE, 60_000)
    failing(1, logins, 60_000)
    assert logins.blocked(HERE, 60_000)


def test_a_success_between_them_starts_anew() -> None:
    logins = FailedLogins(3, 60_000)
    failing(2, logins)
    logins.succeeded(HERE)
    failing(2, logins)
    assert not logins.blocked(HERE, 0)
    logins.succeeded(THERE)  # which never failed


def test_a_bounded_number_is_remembered() -> None:
    logins = FailedLogins(1, 60_000)
    for number in range(KEPT + 1):
        logins.failed(str(number), 0)
    assert len(logins) == KEPT
    assert not logins.blocked("0", 0)
    assert logins.blocked("1", 0)
