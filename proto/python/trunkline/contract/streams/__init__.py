"""The machinery that all ends of the two batched streams share: frames, batches, acks, time and reconnection."""
