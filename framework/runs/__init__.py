"""The run folder: metrics, phases, plots, checkpoints, evaluation and the experiment that ties them."""
