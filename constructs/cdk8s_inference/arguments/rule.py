"""The rule about arguments, which the constructs and values of this package apply."""

from __future__ import annotations

from typing import Any

from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import RuleSet

ARGUMENT_RULES: RuleSet[Any] = RuleSet()

_PATCHED = """\
from cdk8s import ApiObject, JsonPatch

app = App()
deployment = ModelDeployment.from_file(
    app, "qwen", "unified.yaml", platform=Platform(unified_mode="picker")
)
service = ApiObject.of(deployment.replicas[0].routing.picker.service)
service.add_json_patch(JsonPatch.replace("/spec/ports/0/targetPort", {port}))
app.synth_yaml()
"""

A002 = ARGUMENT_RULES.declare(
    "A002",
    "warning",
    "A JSON patch takes away a port or a quantity of the picker",
    why="The picker's Deployment and Service are objects of cdk8s-plus, which writes ports and "
    "quantities after the patches, and drops those that are plain values. The field is gone, and "
    "the default of Kubernetes holds.",
    evidence="cdk8s-plus-28: toJson_ServicePort and the like write obj.targetPort?.value.",
    fix='patch with an object that has the value: {"value": 9002}',
    example=python(_PATCHED.format(port="9002"), _PATCHED.format(port='{"value": 9002}')),
)

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
    "qwen", image="vllm/vllm-openai:v0.23.0", command="vllm serve", args=["Qwen/Qwen3-8B"]
)
""",
        """\
Engine.standalone(
    "qwen", image="vllm/vllm-openai:v0.23.0", command=["vllm", "serve"], args=["Qwen/Qwen3-8B"]
)
""",
    ),
)
