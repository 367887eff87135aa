"""Expressions of the Common Expression Language, as the API server compiles them."""
