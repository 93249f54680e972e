"""Drills that break a run on purpose, on the user's own machine, and look whether anything is lost."""
