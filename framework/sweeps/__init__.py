"""Sweeps: a recipe trained with many settings, the best of them found by Optuna here, or by W&B's server."""
