"""The serving stack: what a cluster needs before models can be served on it."""
