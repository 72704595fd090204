"""Presence: which devices are there, when they came, went and were last heard of."""
