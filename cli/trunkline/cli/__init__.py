"""The command line and the composition of `trunkline serve`."""
