"""WEIGHTS -> THE FILE THAT IS DEPLOYED. See docs/architecture.md."""
