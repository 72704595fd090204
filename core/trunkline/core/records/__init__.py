"""Calls as their callers read them later: get, list, delete, cancel, explain."""
