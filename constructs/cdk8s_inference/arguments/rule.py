"""The rule about arguments, which the constructs and values of this package apply."""

from __future__ import annotations

from typing import Any

from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import RuleSet

ARGUMENT_RULES: RuleSet[Any] = RuleSet()

A001 = ARGUMENT_RULES.declare(
    "A001",
    "error",
    "An argument of a Python call has the wrong type or value",
    why="Python takes any value. A text where a list is expected is split into its letters, and a "
    "value that JSON cannot hold ends the Node.js process, and with it every later call.",
    evidence="The signatures and docstrings of cdk8s_inference.",
    fix="give a value that the signature allows",
    example=python(
        """\
Engine.standalone(
    "qwen", image="vllm/vllm-openai:v0.32.0", command="vllm serve", args=["Qwen/Qwen3-8B"]
)
""",
        """\
Engine.standalone(
    "qwen", image="vllm/vllm-openai:v0.32.0", command=["vllm", "serve"], args=["Qwen/Qwen3-8B"]
)
""",
    ),
)
