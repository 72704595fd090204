"""Links: each worker's stream to the core, its sessions, and what happens when it breaks."""
