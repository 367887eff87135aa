"""Parses YAML files by the fastest parser there is for Python, which makes no Python objects."""

import sys
from pathlib import Path

import ryml

for file in Path(sys.argv[1]).iterdir():
    ryml.parse_in_arena(file.read_bytes())
