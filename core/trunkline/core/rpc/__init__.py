"""The gRPC edge of the core: thin services, authentication, errors as statuses, and the server."""
