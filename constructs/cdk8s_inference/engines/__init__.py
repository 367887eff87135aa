"""Engines: the workloads that run a model, complete without any routing."""

from cdk8s_inference.engines.engine_group import EngineGroup

__all__ = ["EngineGroup"]
