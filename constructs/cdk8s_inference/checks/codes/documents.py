"""Files, and ModelDeployment documents."""

from __future__ import annotations

from typing import Any

from cdk8s_inference import names
from cdk8s_inference.findings.evidence import SEEN_RUN
from cdk8s_inference.findings.example import (
    REMOVED,
    Edit,
    Example,
    command,
    document,
    python,
    rewritten,
)
from cdk8s_inference.findings.rule import AnyRule, Rule

_ENGINE = "spec.template.spec.engines[0]"
_MEMBER = f"{_ENGINE}.members[0]"
_CONTAINER = f"{_MEMBER}.template.spec.containers[0]"
_DECODE = "spec.template.spec.engines[1].members[0].template.spec.containers[0]"
_LABELS = f"{_MEMBER}.template.metadata.labels"

_SCHEMA = "Modelplane's schema, v0.3.1."
_CEL = "A CEL rule of Modelplane's API, v0.3.1."
_REFUSED = "Modelplane's API refuses the document."


def _unified(path: str, value: Any) -> Example:
    return document("unified", Edit("ModelDeployment/qwen", path, value))


def _prefill_decode(path: str, value: Any) -> Example:
    return document("prefill-decode", Edit("ModelDeployment/qwen", path, value))


def _multi_node(path: str, value: Any) -> Example:
    return document("multi-node", Edit("ModelDeployment/kimi", path, value))


def _another(name: str, port: int = 8000) -> dict[str, Any]:
    """A further engine."""
    gpu = 'device.attributes["gpu.nvidia.com"].architecture == "Ada Lovelace"'
    container = {
        "name": "engine",
        "image": "vllm/vllm-openai:v0.23.0",
        "args": ["--model=Qwen/Qwen3-8B", f"--port={port}"],
    }
    member = {
        "nodeSelector": {"devices": [{"name": "gpu", "selectors": [{"cel": gpu}]}]},
        "template": {"spec": {"containers": [container]}},
    }
    return {"name": name, "members": [member]}


_QUOTED = "'--default-chat-template-kwargs={\"enable_thinking\": false}'"
_LONG = "qwen3-coder-with-the-prompt-cache-of-the-chat-team-in-frankfurt"

_SHAPE: tuple[AnyRule, ...] = (
    Rule(
        "D001",
        "The file cannot be read, or is not YAML",
        severity="error",
        why="Nothing is read from it: kubectl and the API server stop at the same place.",
        evidence="YAML's grammar; where a file cannot be opened, the system's own words.",
        fix="correct the syntax on the line given",
        example=rewritten("unified", _QUOTED, _QUOTED.rstrip("'")),
    ),
    Rule(
        "D002",
        "The file is larger than any that is meant",
        severity="error",
        why="Aliases written out can grow without end: a few lines would take all memory of "
        "whoever reads them.",
        evidence="This reader's limits: 8 MiB, 200,000 keys and values, and 64 levels a file. An "
        "API server takes no object over 3 MiB.",
        fix="split the file; write out an alias that contains itself",
        example=rewritten("unified", "engines:\n", "engines: &engines\n        - *engines\n"),
    ),
    Rule(
        "D003",
        "A key is written twice, or is no string",
        severity="error",
        why="Readers disagree on which of the two counts, and few of them say so.",
        evidence="YAML wants each key once in a mapping, and JSON takes strings alone.",
        fix="keep one of the two; quote a key that YAML takes for a number or for true",
        example=rewritten("unified", "replicas: 1\n", "replicas: 1\n  replicas: 2\n"),
    ),
    Rule(
        "D004",
        "A field is not known",
        severity="error",
        why="An API server drops what a CRD's schema lacks: the setting keeps its default.",
        evidence=f"{_SCHEMA} Kubernetes prunes unknown fields of custom resources.",
        fix="correct the field's name, or remove it",
        example=rewritten("unified", "copies: 2", "copy: 2"),
    ),
    Rule(
        "D005",
        "A field is missing",
        severity="error",
        why=f"{_REFUSED} A template without spec it admits, and Modelplane then fails at it "
        "for ever.",
        evidence=_SCHEMA,
        fix="add the field",
        example=_unified(f"{_CONTAINER}.image", REMOVED),
    ),
    Rule(
        "D006",
        "A value is of another type",
        severity="error",
        why=_REFUSED,
        evidence=f"{_SCHEMA} YAML takes a bare text with ': ' in it for an object, digits for a "
        "number, and yes for true.",
        fix="change its type: quote a text that YAML takes for something else",
        example=rewritten("unified", _QUOTED, _QUOTED.strip("'")),
    ),
    Rule(
        "D007",
        "A value is out of its limits",
        severity="error",
        why=_REFUSED,
        evidence=_SCHEMA,
        fix="stay within the limit",
        example=_unified(f"{_ENGINE}.copies", 100),
    ),
    Rule(
        "D008",
        "A value is none of those that may be chosen",
        severity="error",
        why=_REFUSED,
        evidence=_SCHEMA,
        fix="choose one of those that are named",
        example=_unified("spec.template.spec.serving.mode", "Aggregated"),
    ),
    Rule(
        "D009",
        "A value is malformed",
        severity="error",
        why="Modelplane looks at the length of names alone: it admits the document, and the "
        "API server refuses the objects that are made from it.",
        evidence="Kubernetes: Services and LeaderWorkerSets take names of lower case letters, "
        "digits and '-' that start with a letter.",
        fix="write it as the kind of value demands",
        example=_unified("metadata.name", "8b-qwen"),
    ),
    Rule(
        "D010",
        "The document is of another API",
        severity="error",
        why="The same words may mean something else there: what is composed would be a guess.",
        evidence="A group and version name the schema that a document follows.",
        fix="write modelplane.ai/v1alpha1 and ModelDeployment, or "
        "infrastructure.modelplane.ai/v1alpha1 and ServingStack",
        example=_unified("apiVersion", "modelplane.ai/v1"),
    ),
    Rule(
        "D011",
        "Two things have one name",
        severity="error",
        why="Engines of one name would be one workload. The API server refuses device "
        "requests of one name, and a LeaderWorkerSet with a variable twice; a Deployment gets by "
        "with a warning.",
        evidence="Modelplane's lists are keyed by name. Variables: seen run with kube-apiserver "
        "v1.35.",
        fix="give each its own name",
        example=_unified(f"{_CONTAINER}.env[1]", {"name": "HF_TOKEN", "value": "none"}),
    ),
    Rule(
        "D012",
        "The file holds several documents where one is expected",
        severity="error",
        why="A construct is one deployment: which of the documents it is would be a guess.",
        evidence="ModelDeployment.from_file and ServingStack.from_file.",
        fix="give a file with one document; cdk8s-inference synth takes many",
        example=python(
            """\
from pathlib import Path

texts = [Path(name).read_text() for name in ("unified.yaml", "multi-node.yaml")]
Path("all.yaml").write_text("---\\n".join(texts))
ModelDeployment.from_file(App(), "all", "all.yaml")
""",
            """\
app = App()
for name in ("unified", "multi-node"):
    ModelDeployment.from_file(app, name, f"{name}.yaml")
""",
        ),
    ),
)

_CANNOT_BE_COMPOSED: tuple[AnyRule, ...] = (
    Rule(
        "D101",
        "PrefillDecode serving needs two engines",
        severity="error",
        why=f"{_REFUSED} An engine without a phase would have no part in serving.",
        evidence=f"{_CEL} In Python a phase may have several engines.",
        fix="keep one engine of phase Prefill and one of phase Decode; in Python, give every "
        "engine its phase",
        example=_prefill_decode("spec.template.spec.engines[2]", _another("spare")),
    ),
    Rule(
        "D102",
        "PrefillDecode serving needs one engine that prefills",
        severity="error",
        why=f"{_REFUSED} Without prefill pods decode does everything, with status 200.",
        evidence=f"{_CEL} {SEEN_RUN}",
        fix="set phase: Prefill on one engine",
        example=_prefill_decode(f"{_ENGINE}.phase", REMOVED),
    ),
    Rule(
        "D103",
        "PrefillDecode serving needs one engine that decodes",
        severity="error",
        why=f"{_REFUSED} Without decode pods the picker answers every request 429.",
        evidence=f"{_CEL} {SEEN_RUN}",
        fix="set phase: Decode on one engine",
        example=_prefill_decode("spec.template.spec.engines[1].phase", REMOVED),
    ),
    Rule(
        "D104",
        "An engine has a phase, and serving is not PrefillDecode",
        severity="error",
        why=f"{_REFUSED} Behind a Service the engine would do all of a request, its phase "
        "notwithstanding.",
        evidence=_CEL,
        fix="set serving.mode to PrefillDecode, or remove the phase",
        example=rewritten("unified", "copies: 2", "phase: Decode\n          copies: 2"),
    ),
    Rule(
        "D105",
        "An engine's members are neither one alone nor a leader and a worker",
        severity="error",
        why=f"{_REFUSED} A gang without its leader has nobody to follow, and no address.",
        evidence=f"{_CEL} A member without a role is Standalone.",
        fix="write one Standalone member, or one Leader and one Worker; worker.nodes says how "
        "many pods the Worker has",
        example=_multi_node(f"{_MEMBER}.role", REMOVED),
    ),
    Rule(
        "D106",
        "An engine claims no device",
        severity="error",
        why=f"{_REFUSED} The engine would not start, or compute on the CPU.",
        evidence=f"{_CEL} In a document nothing else leads to a GPU; in Python resources do too.",
        fix="add nodeSelector.devices to the member that needs the accelerator",
        example=_unified(f"{_MEMBER}.nodeSelector", REMOVED),
    ),
    Rule(
        "D107",
        "A member that is no worker says how many workers there are",
        severity="error",
        why=f"{_REFUSED} The gang would have another size than the document seems to say.",
        evidence=_CEL,
        fix="set worker on the Worker alone",
        example=_multi_node(f"{_MEMBER}.worker", {"nodes": 3}),
    ),
    Rule(
        "D108",
        "A container is not named engine",
        severity="error",
        why=f"{_REFUSED} By that name the container gets devices, cache and ports.",
        evidence=_CEL,
        fix="name it engine",
        example=_unified(f"{_CONTAINER}.name", "vllm"),
    ),
    Rule(
        "D109",
        "An Equal toleration has no key",
        severity="error",
        why=f"{_REFUSED} Equal compares a taint's key and value: without a key it tolerates "
        "nothing.",
        evidence=f"{_CEL} Equal is the default operator.",
        fix="set its key, or operator: Exists to tolerate every taint",
        example=_unified("spec.template.spec.tolerations", [{"value": "models"}]),
    ),
    Rule(
        "D110",
        "An Exists toleration has a value",
        severity="error",
        why=f"{_REFUSED} Exists looks at no value: it would tolerate more than is written.",
        evidence=_CEL,
        fix="remove the value, or set operator: Equal",
        example=_unified(
            "spec.template.spec.tolerations",
            [{"key": "dedicated", "operator": "Exists", "value": "models"}],
        ),
    ),
    Rule(
        "D111",
        "A label or annotation has a reserved prefix",
        severity="error",
        why="Workloads, pools and controllers select by these labels: pods would be counted "
        "where they do not belong.",
        evidence="Modelplane reserves modelplane.ai/, and LeaderWorkerSet's controller and this "
        "library have prefixes of their own.",
        fix="choose a prefix of your own",
        example=_unified(f"{_LABELS}[modelplane.ai/team]", "chat"),
    ),
    Rule(
        "D112",
        "A label's or annotation's key is malformed",
        severity="error",
        why="The API server refuses every object that carries it.",
        evidence=f"Kubernetes' syntax of labels and annotations. {_CEL}",
        fix="write [prefix/]name, the name up to 63 of [A-Za-z0-9._-], edged by alphanumerics",
        example=_unified(f"{_LABELS}[cost center]", "chat"),
    ),
    Rule(
        "D113",
        "The prefix of a label's or annotation's key is too long",
        severity="error",
        why="The API server refuses every object that carries it.",
        evidence=f"Kubernetes: a prefix is a DNS name, up to 253 characters. {_CEL}",
        fix="keep the prefix within 253 characters",
        example=_unified(f"{_LABELS}[{'chat.' * 50}example/team]", "chat"),
    ),
    Rule(
        "D114",
        "A label's value is malformed",
        severity="error",
        why="The API server refuses every object that carries it.",
        evidence=f"Kubernetes' syntax of labels. {_CEL}",
        fix="write up to 63 of [A-Za-z0-9._-], edged by alphanumerics; annotations take any text",
        example=_unified(f"{_LABELS}[cost-center]", "chat & agents"),
    ),
    Rule(
        "D122",
        "--port is no port",
        severity="error",
        why="The engine exits at once, and again after every restart. Of a decode engine it "
        "makes Modelplane fail.",
        evidence="vLLM and SGLang parse an integer; a port is 1 to 65535.",
        fix="write a number from 1 to 65535",
        example=_unified(f"{_CONTAINER}.args[1]", "--port=http"),
    ),
    Rule(
        "D123",
        "The decode engine takes the sidecar's port",
        severity="error",
        why="They share the pod's network: the second one does not start, or requests go "
        "around the sidecar.",
        evidence=f"{SEEN_RUN} The sidecar listens on 8000, the pool's port.",
        fix="give the decode engine --port=8001",
        example=_prefill_decode(f"{_DECODE}.args[1]", "--port=8000"),
    ),
    Rule(
        "D124",
        "The prefill engine does not listen where decode calls it",
        severity="error",
        why="Long prompts are answered 502. Router v0.8.0 hides it: decode does everything, "
        "with status 200.",
        evidence=f"{SEEN_RUN} The sidecar calls a prefill pod at the pool's port, 8000.",
        fix="give the prefill engine --port=8000",
        example=_prefill_decode(f"{_CONTAINER}.args[1]", "--port=8001"),
    ),
    Rule(
        "D125",
        "The role label contradicts the engine's phase",
        severity="error",
        why="The picker goes by the label: it would send users' requests to pods that only "
        "prefill, or never ask any to.",
        evidence=f"{SEEN_RUN} The picker's filters read llm-d.ai/role.",
        fix="remove the label: routing sets it from the phase",
        example=_prefill_decode(
            f"{_MEMBER}.template.metadata", {"labels": {"llm-d.ai/role": "decode"}}
        ),
    ),
    Rule(
        "D126",
        "Engines behind one Service listen on different ports",
        severity="error",
        why="The Service sends to one port: requests that fall to the other engines' pods are "
        "refused.",
        evidence="Kubernetes: targetPort is one number for all pods of a Service.",
        fix="give all engines the same --port",
        example=_unified("spec.template.spec.engines[1]", _another("small", port=9000)),
    ),
    Rule(
        "D128",
        "An engine has the endpoint picker's name",
        severity="error",
        why="Both are a Deployment of one name: the one that is applied later replaces the other.",
        evidence="The picker's objects are named after the replica, with -epp, and an engine's "
        "with the engine's name.",
        fix="rename the engine",
        example=_prefill_decode(f"{_ENGINE}.name", "epp"),
    ),
    Rule(
        "D130",
        "A variable has a value and a source",
        severity="error",
        why="Modelplane admits the document, and the API server refuses the workload.",
        evidence="Kubernetes: value and valueFrom exclude each other.",
        fix="keep one of them",
        example=_unified(f"{_CONTAINER}.env[0].value", "none"),
    ),
    Rule(
        "D131",
        "A variable does not have exactly one source",
        severity="error",
        why="Modelplane admits the document, and the API server refuses the workload.",
        evidence="Kubernetes: valueFrom names one source.",
        fix="name exactly one of secretKeyRef, configMapKeyRef and fieldRef",
        example=_unified(
            f"{_CONTAINER}.env[0].valueFrom.configMapKeyRef",
            {"name": "hugging-face", "key": "token"},
        ),
    ),
    Rule(
        "D132",
        "A character does not reach the container as written",
        severity="error",
        why="The engine gets another argument than the document shows, and refuses what looks "
        "right.",
        evidence="YAML's writers and readers escape, fold or refuse control characters, foreign "
        "line breaks and byte order marks.",
        fix="remove the character, or encode it as the engine reads it",
        example=_unified(f"{_CONTAINER}.args[0]", "\ufeff--model=Qwen/Qwen3-8B"),
    ),
    Rule(
        "D133",
        "Objects of one deployment have one name",
        severity="error",
        why="Of two objects of one name the later one stays: an engine is missing, and "
        "nothing says so.",
        evidence="A name over 63 characters, over 49 for a LeaderWorkerSet, is cut and ends in a "
        "hash: it can meet a name that was written so.",
        fix="rename the deployment or an engine",
        example=document(
            "unified",
            Edit("ModelDeployment/qwen", f"{_ENGINE}.name", _LONG),
            Edit(
                "ModelDeployment/qwen",
                "spec.template.spec.engines[1]",
                _another(names.workload("qwen-0", _LONG, gang=False).removeprefix("qwen-0-")),
            ),
        ),
    ),
)

_WORKS_OTHERWISE: tuple[AnyRule, ...] = (
    Rule(
        "D201",
        "The decode engine has no --port",
        severity="warning",
        why="Requests are forwarded to 8001, while vLLM by itself listens on 8000, which the "
        "sidecar has: it does not start.",
        evidence="Modelplane forwards to 8001 where the document does not say; vLLM's default.",
        fix="give the decode engine --port=8001",
        example=_prefill_decode(f"{_DECODE}.args[1]", REMOVED),
    ),
    Rule(
        "D203",
        "A field is not used",
        severity="note",
        why="Nothing goes wrong, but it chooses no cluster: the manifests go where you apply them.",
        evidence="clusterSelector and tolerations choose among the clusters that Modelplane "
        "manages.",
        fix="nothing is to do",
        example=_unified("spec.template.spec.clusterSelector", {"matchLabels": {"region": "eu"}}),
    ),
    Rule(
        "D204",
        "A device is asked for by another driver than its class has",
        severity="warning",
        why="No device satisfies both: the pod stays pending, and the scheduler stalled for "
        "minutes, for every other pod too.",
        evidence="Seen run with kube-scheduler v1.35.",
        fix="name the request's class: --device-class REQUEST=CLASS, or "
        "Platform(device_classes=...)",
        example=_unified(
            f"{_MEMBER}.nodeSelector.devices[0].selectors[0].cel",
            'device.driver == "tpu.google.com"',
        ),
    ),
    Rule(
        "D205",
        "The document names no namespace",
        severity="warning",
        why="Its objects go to the namespace default, whatever kubectl's context says, "
        "without the Secrets, quotas and permissions of the one that was meant.",
        evidence="Kubernetes leaves it to the client; here it is default.",
        fix="set metadata.namespace, or give --namespace",
        example=_unified("metadata.namespace", REMOVED),
    ),
    Rule(
        "D206",
        "Two deployments make the same object",
        severity="warning",
        why="Of two that are applied to one cluster the later one stays, and the other model "
        "is gone.",
        evidence="Kubernetes: kind, namespace and name are an object.",
        fix="rename one, keep them in namespaces of their own, or apply each to its own cluster",
        example=command(
            "cdk8s-inference synth unified.yaml prefill-decode.yaml --output dist --namespace ml\n",
            "cdk8s-inference synth unified.yaml prefill-decode.yaml --output dist\n",
        ),
    ),
    Rule(
        "D207",
        "--port is given twice",
        severity="warning",
        why="Engines take the last, and probes, Services and sidecars the first: the pod "
        "never gets ready.",
        evidence="Modelplane reads the first --port of args; the parsers of vLLM and SGLang keep "
        "the last.",
        fix="keep one of them",
        example=_unified(f"{_CONTAINER}.args[3]", "--port=8080"),
    ),
    Rule(
        "D208",
        "A device class is given for a request that no document has",
        severity="warning",
        why="The request that was meant keeps the default class, and gets other devices or none.",
        evidence="A class is chosen by the request's name in nodeSelector.devices.",
        fix="correct the name, or leave the option out",
        example=command(
            "cdk8s-inference synth unified.yaml --output dist --device-class gpus=h100.example\n",
            "cdk8s-inference synth unified.yaml --output dist --device-class gpu=h100.example\n",
        ),
    ),
    Rule(
        "D210",
        "Each pod of a gang fetches the weights by itself",
        severity="warning",
        why="Every start and restart downloads them once a pod, and the gang waits for the "
        "slowest.",
        evidence="Modelplane calls modelCacheRef required for several nodes, and its schema "
        "admits a gang without it.",
        fix="add modelCacheRef with a cache that every pod can mount",
        example=_multi_node("spec.template.spec.modelCacheRef", REMOVED),
    ),
)

CODES = (*_SHAPE, *_CANNOT_BE_COMPOSED, *_WORKS_OTHERWISE)
