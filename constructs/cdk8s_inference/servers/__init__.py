"""What model servers do, as data."""
