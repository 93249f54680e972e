"""Pure functions, one textbook item a file."""
