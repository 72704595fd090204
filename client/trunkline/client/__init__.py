"""The public Python client of the core's gRPC services."""
