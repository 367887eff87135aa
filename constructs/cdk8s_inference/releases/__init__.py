"""Upstream releases as data."""

from cdk8s_inference.releases.router import ROUTER_NEWEST, ROUTER_V0_10_0, RouterRelease

__all__ = ["ROUTER_NEWEST", "ROUTER_V0_10_0", "RouterRelease"]
