"""Holds for every test."""

from hypothesis import settings

# Chooses a Node.js that jsii supports, before any test module imports cdk8s.
import cdk8s_inference  # noqa: F401

# Machines are shared: how long an example takes says nothing.
settings.register_profile("default", deadline=None)
settings.load_profile("default")
