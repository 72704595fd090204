"""Brings devices into a tenant, with what they connect with: from a file, or from another server."""
