"""How fast this project composes and checks, against what else does the same: ``make bench``."""
