"""The platform, and the file that has it."""
