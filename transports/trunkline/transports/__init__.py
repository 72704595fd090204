"""Transports: one worker process per protocol, each with one link to the core."""
