"""What is known, on disk."""
