"""Agents outside of a run: exported, imported, loaded as a plain policy, compiled for a robot."""
