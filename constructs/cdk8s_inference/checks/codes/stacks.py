"""Serving stacks, and their documents."""

from __future__ import annotations

from typing import Any

from cdk8s_inference.findings.example import Edit, Example, document, python
from cdk8s_inference.findings.rule import AnyRule, Rule
from cdk8s_inference.releases.stack import GKE_DRIVER_ROOT


def _stack(path: str, value: Any) -> Example:
    return document("stack", Edit("ServingStack/gke", path, value))


CODES: tuple[AnyRule, ...] = (
    Rule(
        "S101",
        "A component is not known, or not in the stack",
        severity="error",
        why="What was meant is installed all the same, or its values reach nothing.",
        evidence="The components that docs/serving-stack.md lists.",
        fix="correct the name; give a component of your own in extra",
        example=python(
            'ServingStack(App(), "stack", without=["prometheus"])\n',
            'ServingStack(App(), "stack", without=["kube-prometheus-stack"])\n',
        ),
    ),
    Rule(
        "S102",
        "A component is both present and left out",
        severity="error",
        why="One says that the cluster has it, the other that it has not: what needs it works "
        "in one of the cases alone.",
        evidence="The meaning of ServingStack's present and without.",
        fix="write it in present if the cluster has it, else in without",
        example=python(
            'ServingStack(App(), "stack", present=["cert-manager"], without=["cert-manager"])\n',
            'ServingStack(App(), "stack", present=["cert-manager"])\n',
        ),
    ),
    Rule(
        "S103",
        "A component does not work without another",
        severity="error",
        why="It waits for ever, or seems to work: GPU nodes that Node Feature Discovery does "
        "not label get no driver, and claims no device; without the AI Gateway routes are "
        "accepted, and Envoy gets no listener.",
        evidence="NVIDIA's DRA driver places its pods by those labels. The routes: seen run with "
        "Envoy Gateway v1.8.",
        fix="install what is missing, or write it in present if the cluster has it",
        example=python(
            'ServingStack(App(), "stack", without=["node-feature-discovery"])\n',
            'ServingStack(App(), "stack", present=["node-feature-discovery"])\n',
        ),
    ),
    Rule(
        "S104",
        "Releases are not known to work together",
        # A warning where the code says allow_untested.
        severity=None,
        why="A controller does not start, or misses a CRD or a field, and routes that are "
        "accepted resolve to nothing.",
        evidence="The projects' compatibility tables: Envoy AI Gateway 0.7 and 1.x want Envoy "
        "Gateway 1.8, and that wants Gateway API 1.5.",
        fix="take releases that are known together; or give --allow-untested, in Python "
        "allow_untested",
        example=_stack("spec.versions.envoyGateway", "v1.9.0"),
    ),
    Rule(
        "S105",
        "A further component cannot be installed",
        severity="error",
        why="Its chart has nowhere to go, two releases have one name, or some wait for each "
        "other for ever.",
        evidence="Helm: a release has a namespace, and a name of at most 53 characters.",
        fix="name its namespace, choose a free name, and let it come after what there is",
        example=python(
            """\
keda = HelmChart("https://kedacore.github.io/charts", "keda", "2.18.0")
ServingStack(App(), "stack", extra=[Component("keda", chart=keda)])
""",
            """\
keda = HelmChart("https://kedacore.github.io/charts", "keda", "2.18.0")
ServingStack(App(), "stack", extra=[Component("keda", namespace="keda", chart=keda)])
""",
        ),
    ),
    Rule(
        "S106",
        "A listener cannot be served",
        severity="error",
        why="The API server refuses the Gateway, or the listener never gets programmed or "
        "never gets its certificate: connections are refused.",
        evidence="Gateway API: port, protocol and hostname set listeners apart, and HTTPS has a "
        "certificate. cert-manager issues for host names.",
        fix="give it a free port or host, and for HTTPS the Secret of its certificate",
        example=python(
            'ServingStack(App(), "stack", listeners=[Listener("https", 443, "HTTPS")])\n',
            'ServingStack(App(), "stack", listeners=[Listener.https("models-tls")])\n',
        ),
    ),
    Rule(
        "S107",
        "A namespace or class has a malformed name",
        severity="error",
        why="The API server refuses the object, and everything that goes into the namespace.",
        evidence="Kubernetes: a namespace is an RFC 1123 label, a GatewayClass a subdomain.",
        fix="write lower case letters, digits and '-', edged by letters or digits",
        example=python(
            'ServingStack(App(), "stack", model_namespaces=["ML_Team"])\n',
            'ServingStack(App(), "stack", model_namespaces=["ml-team"])\n',
        ),
    ),
    Rule(
        "S108",
        "The driver's root is no absolute path",
        severity="error",
        why="The driver's pods mount nothing there and find no GPU: claims stay pending.",
        evidence="Kubernetes: a hostPath is absolute. NVIDIA's DRA driver takes nvidiaDriverRoot "
        "for one.",
        fix="start it with /",
        example=_stack("spec.nvidiaDriverRoot", "home/kubernetes/bin/nvidia"),
    ),
    Rule(
        "S109",
        "An object is composed twice",
        severity="error",
        why="Of two objects of one name the later one stays: one stack undoes the other, such "
        "as two gateways that are called alike.",
        evidence="Kubernetes: kind, namespace and name are an object; one App is applied to one "
        "cluster.",
        fix="give each cluster an App; name a second gateway of one cluster otherwise",
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
    ),
    Rule(
        "S110",
        "The GatewayClass does not go with the gateway's implementation",
        severity="error",
        why="No controller takes the Gateway, or another one than is installed: it gets no "
        "address.",
        evidence="Gateway API: a GatewayClass names its controller; the usual names are the "
        "projects' own.",
        fix="leave the class out for the provider's usual one, or take the class's provider",
        example=_stack("spec.gateway.className", "istio"),
    ),
    Rule(
        "S111",
        "Something is said of a gateway that there is not",
        severity="error",
        why="Listeners, class and issuer come to nothing: no Gateway is composed, and no port "
        "opens.",
        evidence="With the provider standalone each picker has an Envoy of its own.",
        fix="remove it, or choose another provider",
        example=python(
            """\
from cdk8s_inference.gateways import STANDALONE

ServingStack(
    App(),
    "stack",
    gateway=Gateway(provider=STANDALONE),
    listeners=[Listener.https("models-tls")],
)
""",
            """\
from cdk8s_inference.gateways import STANDALONE

ServingStack(
    App(),
    "stack",
    gateway=Gateway(provider=STANDALONE),
)
""",
        ),
    ),
    Rule(
        "S112",
        "The GPU driver is looked for where GKE does not have it",
        severity="warning",
        why="The DRA driver finds no driver on the node and offers no GPU, and without a "
        "quota GKE refuses its pods: claims stay pending.",
        evidence="modelplane 44b53c07 and modelplaneai/modelplane#229.",
        fix=f"give it {GKE_DRIVER_ROOT!r}, by which the quota for the driver's pods comes too",
        example=python(
            """\
from cdk8s_inference.gateways import GKE

ServingStack(App(), "stack", gateway=Gateway(provider=GKE))
""",
            """\
from cdk8s_inference.gateways import GKE

ServingStack(
    App(),
    "stack",
    gateway=Gateway(provider=GKE),
    devices=DraDriver("/home/kubernetes/bin/nvidia"),
)
""",
        ),
    ),
)
