"""Putting it together: from a configuration to a run folder."""
