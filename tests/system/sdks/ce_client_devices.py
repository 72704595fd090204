"""tb-ce-client against a server: devices, their credentials, lists and profiles. Arguments: URL, a unique word."""

import sys
import uuid

from tb_ce_client import ThingsboardClient
from tb_ce_client.exceptions import ApiException
from tb_ce_client.models.customer import Customer
from tb_ce_client.models.device import Device
from tb_ce_client.models.device_credentials import DeviceCredentials
from tb_ce_client.models.device_credentials_id import DeviceCredentialsId
from tb_ce_client.models.device_id import DeviceId
from tb_ce_client.models.name_conflict_policy import NameConflictPolicy
from tb_ce_client.models.save_device_with_credentials_request import SaveDeviceWithCredentialsRequest

url, word = sys.argv[1:]
with ThingsboardClient(url, "tenant@thingsboard.org", "tenant") as client:
    first = client.save_device(Device(name=f"{word}-1", type=word), access_token=f"{word}-1")
    second = client.save_device_with_credentials(
        SaveDeviceWithCredentialsRequest(
            device=Device(name=f"{word}-2", type=word, label="second"),
            credentials=DeviceCredentials(
                id=DeviceCredentialsId(id=uuid.uuid4()),  # its model wants ids that do not exist yet
                device_id=DeviceId(id=uuid.uuid4(), entity_type="DEVICE"),
                credentials_type="ACCESS_TOKEN",
                credentials_id=f"{word}-2",
            ),
        )
    )
    ids = [str(device.id.id) for device in (first, second)]
    third = client.save_device(Device(name=f"{word}-1", type=word), name_conflict_policy=NameConflictPolicy.UNIQUIFY)
    assert third.name.startswith(f"{word}-1_")
    client.delete_device(str(third.id.id))

    first.label = "changed"
    changed = client.save_device(first)
    assert (changed.label, changed.version) == ("changed", 2)
    try:
        client.save_device(first)  # with the version as it was read before
        sys.exit("an outdated version was taken")
    except ApiException as error:
        assert error.status == 409, error

    page = client.get_tenant_devices(1, 0, text_search=word, sort_property="name", sort_order="DESC")
    assert ([one.name for one in page.data], page.total_elements, page.has_next) == ([f"{word}-2"], 2, True)
    assert str(client.get_tenant_device_by_name(f"{word}-1").id.id) == ids[0]
    assert len(client.get_devices_by_ids(ids)) == 2
    assert word in [one.type for one in client.get_device_types()]
    info = client.get_device_info_by_id(ids[0])
    assert (info.device_profile_name, info.active) == (word, False)
    assert client.get_tenant_device_infos(10, 0, type=word).total_elements == 2

    customer = client.save_customer(Customer(title=word))
    customer_id = str(customer.id.id)
    assert str(client.assign_device_to_customer(customer_id, ids[0]).customer_id.id) == customer_id
    assert client.get_customer_devices(customer_id, 10, 0).total_elements == 1
    assert client.get_customer_device_infos(customer_id, 10, 0).data[0].customer_title == word
    client.unassign_device_from_customer(ids[0])

    credentials = client.get_device_credentials_by_device_id(ids[1])
    assert credentials.credentials_id == f"{word}-2"
    credentials.credentials_id = f"{word}-new"
    assert client.update_device_credentials(credentials).credentials_id == f"{word}-new"

    profile_id = str(first.device_profile_id.id)
    assert client.get_device_profile_by_id(profile_id).name == word
    assert client.get_device_profile_info_by_id(profile_id).name == word
    assert client.get_default_device_profile_info().name == "default"
    assert client.get_device_profiles(10, 0, text_search=word).total_elements == 1
    assert word in [one.name for one in client.get_device_profile_names()]
    assert word in [one.name for one in client.get_device_profile_infos(100, 0).data]

    for device_id in ids:
        client.delete_device(device_id)
    client.delete_customer(customer_id)
    client.delete_device_profile(profile_id)
