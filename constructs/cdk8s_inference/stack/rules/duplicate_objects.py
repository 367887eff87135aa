"""Objects that one app would compose twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cdk8s_inference.findings import shown_list
from cdk8s_inference.findings.example import python
from cdk8s_inference.findings.rule import Violation
from cdk8s_inference.stack.subject import STACK_OBJECT_RULES, StackObjects


@STACK_OBJECT_RULES.rule(
    "S109",
    "error",
    "An object is composed twice",
    why="When both are applied, the later object replaces the earlier one, so that one stack "
    "changes the other. Two gateways of the same name are an example.",
    evidence="Kubernetes identifies an object by kind, namespace and name. One App is applied to "
    "one cluster.",
    fix="use one App for each cluster; give a second gateway in one cluster another name",
    example=python(
        """\
app = App()
ServingStack(app, "east")
ServingStack(app, "west")
""",
        """\
ServingStack(App(outdir="dist/east"), "east")
ServingStack(App(outdir="dist/west"), "west")
""",
    ),
)
def duplicate_objects(stack: StackObjects) -> Iterator[Violation]:
    for key, count in Counter(stack.keys).items():
        if count > 1:
            yield Violation(None, f"{key} is composed twice", fix="remove or rename one of the two")
    # Stacks of one cluster may share a namespace: it is composed once.
    shared = [key for key in stack.shared if key.kind != "Namespace"]
    if shared:
        # The gateway's objects are the last, and the ones that a user has named.
        named = shown_list(map(str, reversed(shared)), 3)
        yield Violation(
            None,
            f"stack {stack.owners[shared[-1]]} of this app also composes {named}",
            fix="use one App for each cluster; for a second gateway in one cluster, use another "
            "name and class, and name the components in present",
        )
