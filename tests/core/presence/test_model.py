from trunkline.core.presence.model import NEVER


def test_a_device_that_never_was_there_is_not_there() -> None:
    assert not (NEVER.connected or NEVER.active)
    assert not (NEVER.last_connect_unix_ms or NEVER.last_disconnect_unix_ms or NEVER.last_activity_unix_ms)
