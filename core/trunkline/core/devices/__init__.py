"""What the core knows of devices: rows, credentials, and who may do what with them."""
