from trunkline.transports.endpoints.mqtt.reason_codes import V3_RETURN_CODES, ReasonCode


def test_what_a_connack_may_say_has_a_form_in_version_3() -> None:
    refusals = {
        ReasonCode.CLIENT_IDENTIFIER_NOT_VALID,
        ReasonCode.BAD_USER_NAME_OR_PASSWORD,
        ReasonCode.NOT_AUTHORIZED,
        ReasonCode.SERVER_UNAVAILABLE,
        ReasonCode.CONNECTION_RATE_EXCEEDED,
    }
    assert V3_RETURN_CODES.keys() == refusals | {ReasonCode.SUCCESS}


def test_versions_1_and_4_of_the_return_code_are_never_sent() -> None:
    assert not {1, 4} & set(V3_RETURN_CODES.values())


def test_refusals_are_errors() -> None:
    assert all(code >= 0x80 for code in ReasonCode if code not in (0, ReasonCode.NO_SUBSCRIPTION_EXISTED))
