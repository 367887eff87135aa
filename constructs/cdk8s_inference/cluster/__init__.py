"""A running cluster, read through its API; what is read is never changed."""

from cdk8s_inference.cluster.admitted import ADMITTED
from cdk8s_inference.cluster.connection import Connection, connect
from cdk8s_inference.cluster.failure import ClusterFailure
from cdk8s_inference.cluster.live_objects import LiveObjects, read_live_objects

__all__ = [
    "ADMITTED",
    "ClusterFailure",
    "Connection",
    "LiveObjects",
    "connect",
    "read_live_objects",
]
