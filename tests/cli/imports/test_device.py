from trunkline.cli.imports.device import ImportedDevice


def test_what_is_not_said_is_left_to_the_server() -> None:
    assert ImportedDevice("Pump 7").body(None) == {
        "name": "Pump 7",
        "type": None,
        "label": None,
        "customerId": None,
        "additionalInfo": None,
    }


def test_all_that_is_said_arrives() -> None:
    device = ImportedDevice("Pump 7", "pump", "Cellar", additional_info={"gateway": True})
    customer = {"entityType": "CUSTOMER", "id": "x"}
    assert device.body(customer) == {
        "name": "Pump 7",
        "type": "pump",
        "label": "Cellar",
        "customerId": customer,
        "additionalInfo": {"gateway": True},
    }
