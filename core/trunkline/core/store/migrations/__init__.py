"""Schema changes, one file each, run when the store is opened."""
