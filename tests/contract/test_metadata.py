from trunkline.contract import metadata


def test_grpc_metadata_keys_are_lower_case_as_http2_demands() -> None:
    for key in (metadata.AUTHORIZATION, metadata.PART_SECRET, metadata.REQUEST_ID):
        assert key == key.lower()
        assert not key.endswith("-bin"), "text, not bytes"
        assert not key.startswith("grpc-"), "gRPC keeps those for itself"


def test_files_of_the_data_directory_have_different_names() -> None:
    assert len({metadata.SECRET_FILE, metadata.SOCKET_FILE, metadata.ADDRESS_FILE}) == 3
