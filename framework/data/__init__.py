"""Where data comes from: environments, recorded experience, logged data sets."""
