"""What is learned about the world: dynamics, reward, termination, and their union, the world model."""
