"""Device profiles: what devices of one type have in common."""
