"""The core: the gRPC server that owns devices, identity and every call's life."""
