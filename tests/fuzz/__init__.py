"""A fuzzer: inputs of three kinds, and what must hold for any of them.

Each input follows from its kind and its number alone, so that a failure names what repeats it.
``python -m tests.fuzz --seconds 600`` looks for new ones; ``found/`` has those that once failed.
"""
