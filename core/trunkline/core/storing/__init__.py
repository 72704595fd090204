"""Stored calls between machines and store: written in group commits, fetched in batches, taken up at a start."""
