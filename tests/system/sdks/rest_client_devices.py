"""tb-rest-client against a server: devices, their credentials, lists and profiles. Arguments: URL, a unique word.

Its calls for customers' devices and infos of all go to paths that only the professional edition has.
"""

import json
import sys

from tb_rest_client.models import Device, DeviceProfile, DeviceProfileData
from tb_rest_client.rest import ApiException
from tb_rest_client.rest_client import RestClient

url, word = sys.argv[1:]
with RestClient(url) as client:
    client.login("tenant@thingsboard.org", "tenant")
    default = client.get_default_device_profile_info()
    profile = client.save_device_profile(
        DeviceProfile(
            name=word,
            type="DEFAULT",
            transport_type="DEFAULT",
            profile_data=DeviceProfileData(
                configuration={"type": "DEFAULT"}, transport_configuration={"type": "DEFAULT"}
            ),
        )
    )
    assert client.get_device_profile_by_id(profile.id).name == word
    assert client.get_device_profiles(page_size=10, page=0, text_search=word).total_elements == 1
    assert word in [info.name for info in client.get_device_profile_infos(page_size=100, page=0).data]

    first = client.save_device(Device(name=f"{word}-1", type=word), access_token=f"{word}-1")
    second = client.save_device(Device(name=f"{word}-2", device_profile_id=profile.id, label="second"))
    assert first.device_profile_id.id == second.device_profile_id.id == profile.id.id
    first.label = "changed"
    changed = client.save_device(first)
    assert (changed.label, changed.version) == ("changed", 2)
    try:
        client.save_device(first)  # with the version as it was read before
        raise SystemExit("an outdated version was taken")
    except ApiException as error:
        assert error.status == 409, error

    page = client.get_tenant_devices(page_size=1, page=0, text_search=word, sort_property="name", sort_order="DESC")
    assert ([one.name for one in page.data], page.total_elements, page.has_next) == ([f"{word}-2"], 2, True)
    assert client.get_tenant_device(f"{word}-1").id.id == first.id.id
    assert len(client.get_devices_by_ids([first.id.id, second.id.id])) == 2
    assert word in [one.type for one in client.get_device_types()]
    info = client.get_device_info_by_id(first.id)
    assert (info.name, info.active) == (f"{word}-1", False)

    credentials = client.get_device_credentials_by_device_id(first.id)
    credentials.credentials_type = "MQTT_BASIC"
    credentials.credentials_value = json.dumps({"clientId": word, "userName": word, "password": "secret"})
    assert client.update_device_credentials(credentials).credentials_type == "MQTT_BASIC"

    for device in (first, second):
        client.delete_device(device.id)
    client.delete_device_profile(profile.id)
    assert client.get_default_device_profile_info().id.id == default.id.id
