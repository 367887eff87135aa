"""Nothing but a start of Python with PyYAML."""

import yaml

yaml.CSafeLoader  # noqa: B018
