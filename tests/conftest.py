"""Holds for every test."""

import yaml
from hypothesis import settings

# Chooses a Node.js that jsii supports, before any test module imports cdk8s.
import cdk8s_inference  # noqa: F401

# Machines are shared: how long an example takes says nothing.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

# Tests write much YAML: libyaml takes a tenth of the time.
yaml.SafeDumper = yaml.CSafeDumper  # type: ignore[misc, assignment]
yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[misc, assignment]
