"""What is served as a graph: its parts, the ports between them, and findings where they bite."""

from cdk8s_inference.graph.build import graph_of
from cdk8s_inference.graph.model import (
    FORMATS,
    Edge,
    EdgeKind,
    Format,
    Graph,
    Node,
    NodeKind,
    Section,
)

__all__ = [
    "FORMATS",
    "Edge",
    "EdgeKind",
    "Format",
    "Graph",
    "Node",
    "NodeKind",
    "Section",
    "graph_of",
]
