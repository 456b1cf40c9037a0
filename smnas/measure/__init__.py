"""Artifact to numbers: accuracy, cost and time. Never trains."""
