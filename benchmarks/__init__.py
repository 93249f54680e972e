"""Speed against a bare loop and against peers, printed as ratios: `python -m benchmarks --help`."""
