"""The protocols a worker can speak to devices: one module or package each."""
