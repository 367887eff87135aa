"""What is wanted of engine pods."""
