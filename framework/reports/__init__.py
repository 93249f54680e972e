"""What a person reads of runs: one page for a report, one for a comparison, and the statistics in them."""
