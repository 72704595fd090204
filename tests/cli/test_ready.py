import shlex

from trunkline.cli.ready import Ready


def test_one_line_for_programs_comes_first() -> None:
    text = Ready("127.0.0.1", 8080, 1883, 9090, (9464, 9465), demo=False).text()
    assert text == (
        "ready rest=http://127.0.0.1:8080 docs=http://127.0.0.1:8080/docs mqtt=mqtt://127.0.0.1:1883 "
        "grpc=127.0.0.1:9090 metrics=http://127.0.0.1:9464/metrics,http://127.0.0.1:9465/metrics\n"
    )


def test_a_demo_shows_accounts_and_commands_to_copy() -> None:
    accounts = [("tenant@thingsboard.org", "tenant"), ("a@b.c", "secret")]
    lines = Ready("127.0.0.1", 8080, 1883, 9090, (9464,), demo=True, accounts=accounts).text().splitlines()
    assert "Demo accounts:" in lines
    assert "  a@b.c                   secret" in lines
    simulate, call = (shlex.split(line) for line in lines[-2:])
    assert simulate == ["trunkline", "simulate", "1", "--access-token", "A1_TEST_TOKEN"]
    assert call == ["trunkline", "call", "Test Device A1", "setGpio", '{"pin": 7, "value": 1}']


def test_commands_name_ports_that_are_not_the_usual_ones() -> None:
    text = Ready("127.0.0.1", 8000, 1000, 9090, (9464,), demo=True).text()
    assert "--mqtt-port 1000" in text
    assert "--url http://127.0.0.1:8000" in text


def test_generated_accounts_are_shown_as_such() -> None:
    text = Ready("127.0.0.1", 8080, 1883, 9090, (9464,), demo=False, accounts=[("a@b.c", "x")]).text()
    assert "Accounts, shown only this once:\n  a@b.c  x\n" in text


def test_addresses_that_one_can_go_to() -> None:
    assert Ready("0.0.0.0", 8080, 1883, 9090, (), demo=False).url == "http://127.0.0.1:8080"
    assert Ready("::1", 8080, 1883, 9090, (), demo=False).url == "http://[::1]:8080"
    assert "metrics" not in Ready("::", 8080, 1883, 9090, (), demo=False).text()
