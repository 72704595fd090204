"""The facade: REST and JWT on one side, the core's gRPC on the other."""
