"""The time of a detector that nobody has timed, from a table of timed blocks."""
