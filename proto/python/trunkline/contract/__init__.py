"""What every process must agree on beyond the protos: errors, ids, metadata names, channels and streams."""
