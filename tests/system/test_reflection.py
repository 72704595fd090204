"""What tools ask a server's gRPC port: which services there are, their messages, and whether it is healthy."""

from typing import Any, cast

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from system.runners import Served


def test_lists_the_services(served: Served) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        names = set(ProtoReflectionDescriptorDatabase(channel).get_services())
    ours = {f"trunkline.v1.{name}" for name in ("RpcService", "DeviceService", "IdentityService", "TransportService")}
    assert names >= {*ours, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


def test_describes_a_service_completely(served: Served) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        pool = DescriptorPool(cast(Any, ProtoReflectionDescriptorDatabase(channel)))
        methods = pool.FindServiceByName("trunkline.v1.RpcService").methods_by_name
    about_calls = {"GetCall", "ListCalls", "CancelCall", "DeleteCall", "ExplainCall", "WatchCalls"}
    assert set(methods) == {"Call", "CallStream", "Submit"} | about_calls
    assert "device_id" in methods["Call"].input_type.fields_by_name


def test_is_healthy(served: Served) -> None:
    with grpc.insecure_channel(served.grpc) as channel:
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
