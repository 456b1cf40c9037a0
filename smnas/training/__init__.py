"""How a detector gets its weights."""
