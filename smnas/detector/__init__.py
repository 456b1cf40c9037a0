"""How an arch becomes a network."""
