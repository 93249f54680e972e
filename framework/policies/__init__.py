"""What acts in a state, and what a state or an action is worth."""
