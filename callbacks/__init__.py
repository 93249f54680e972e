"""Callbacks watch a run and never steer it."""
