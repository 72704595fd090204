"""Generated from proto/trunkline/v1 by `make proto`; never edited by hand."""
