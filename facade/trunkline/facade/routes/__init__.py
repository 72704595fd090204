"""The ordinary REST routes, one module per noun."""
