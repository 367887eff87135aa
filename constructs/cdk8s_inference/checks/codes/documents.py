"""Files, and ModelDeployment documents."""

from __future__ import annotations

from typing import Any

from cdk8s_inference import names
from cdk8s_inference.checks.code import Code
from cdk8s_inference.checks.example import REMOVED, Edit
from cdk8s_inference.checks.sample import Sample, command, document, python, rewritten
from cdk8s_inference.checks.sources import SEEN_RUN

_ENGINE = "spec.template.spec.engines[0]"
_MEMBER = f"{_ENGINE}.members[0]"
_CONTAINER = f"{_MEMBER}.template.spec.containers[0]"
_DECODE = "spec.template.spec.engines[1].members[0].template.spec.containers[0]"
_LABELS = f"{_MEMBER}.template.metadata.labels"

_SCHEMA = "Modelplane's schema, v0.3.1."
_CEL = "A CEL rule of Modelplane's API, v0.3.1."
_REFUSED = "Modelplane's API refuses the document."


def _unified(path: str, value: Any) -> Sample:
    return document("unified", Edit("ModelDeployment/qwen", path, value))


def _prefill_decode(path: str, value: Any) -> Sample:
    return document("prefill-decode", Edit("ModelDeployment/qwen", path, value))


def _multi_node(path: str, value: Any) -> Sample:
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

_SHAPE = (
    Code(
        "D001",
        "The file cannot be read, or is not YAML",
        severity="error",
        prevents="Nothing is read from it: kubectl and the API server stop at the same place.",
        source="YAML's grammar; where a file cannot be opened, the system's own words.",
        fix="correct the syntax on the line given",
        sample=rewritten("unified", _QUOTED, _QUOTED.rstrip("'")),
    ),
    Code(
        "D002",
        "The file is larger than any that is meant",
        severity="error",
        prevents="Aliases written out can grow without end: a few lines would take all memory of "
        "whoever reads them.",
        source="This reader's limits: 8 MiB, 200,000 keys and values, and 64 levels a file. An API "
        "server takes no object over 3 MiB.",
        fix="split the file; write out an alias that contains itself",
        sample=rewritten("unified", "engines:\n", "engines: &engines\n        - *engines\n"),
    ),
    Code(
        "D003",
        "A key is written twice, or is no string",
        severity="error",
        prevents="Readers disagree on which of the two counts, and few of them say so.",
        source="YAML wants each key once in a mapping, and JSON takes strings alone.",
        fix="keep one of the two; quote a key that YAML takes for a number or for true",
        sample=rewritten("unified", "replicas: 1\n", "replicas: 1\n  replicas: 2\n"),
    ),
    Code(
        "D004",
        "A field is not known",
        severity="error",
        prevents="An API server drops what a CRD's schema lacks: the setting keeps its default.",
        source=f"{_SCHEMA} Kubernetes prunes unknown fields of custom resources.",
        fix="correct the field's name, or remove it",
        sample=rewritten("unified", "copies: 2", "copy: 2"),
    ),
    Code(
        "D005",
        "A field is missing",
        severity="error",
        prevents=f"{_REFUSED} A template without spec it admits, and Modelplane then fails at it "
        "for ever.",
        source=_SCHEMA,
        fix="add the field",
        sample=_unified(f"{_CONTAINER}.image", REMOVED),
    ),
    Code(
        "D006",
        "A value is of another type",
        severity="error",
        prevents=_REFUSED,
        source=f"{_SCHEMA} YAML takes a bare text with ': ' in it for an object, digits for a "
        "number, and yes for true.",
        fix="change its type: quote a text that YAML takes for something else",
        sample=rewritten("unified", _QUOTED, _QUOTED.strip("'")),
    ),
    Code(
        "D007",
        "A value is out of its limits",
        severity="error",
        prevents=_REFUSED,
        source=_SCHEMA,
        fix="stay within the limit",
        sample=_unified(f"{_ENGINE}.copies", 100),
    ),
    Code(
        "D008",
        "A value is none of those that may be chosen",
        severity="error",
        prevents=_REFUSED,
        source=_SCHEMA,
        fix="choose one of those that are named",
        sample=_unified("spec.template.spec.serving.mode", "Aggregated"),
    ),
    Code(
        "D009",
        "A value is malformed",
        severity="error",
        prevents="Modelplane looks at the length of names alone: it admits the document, and the "
        "API server refuses the objects that are made from it.",
        source="Kubernetes: Services and LeaderWorkerSets take names of lower case letters, digits "
        "and '-' that start with a letter.",
        fix="write it as the kind of value demands",
        sample=_unified("metadata.name", "8b-qwen"),
    ),
    Code(
        "D010",
        "The document is of another API",
        severity="error",
        prevents="The same words may mean something else there: what is composed would be a guess.",
        source="A group and version name the schema that a document follows.",
        fix="write modelplane.ai/v1alpha1 and ModelDeployment, or "
        "infrastructure.modelplane.ai/v1alpha1 and ServingStack",
        sample=_unified("apiVersion", "modelplane.ai/v1"),
    ),
    Code(
        "D011",
        "Two things have one name",
        severity="error",
        prevents="Engines of one name would be one workload. The API server refuses device "
        "requests of one name, and a LeaderWorkerSet with a variable twice; a Deployment gets by "
        "with a warning.",
        source="Modelplane's lists are keyed by name. Variables: seen run with kube-apiserver "
        "v1.35.",
        fix="give each its own name",
        sample=_unified(f"{_CONTAINER}.env[1]", {"name": "HF_TOKEN", "value": "none"}),
    ),
    Code(
        "D012",
        "The file holds several documents where one is expected",
        severity="error",
        prevents="A construct is one deployment: which of the documents it is would be a guess.",
        source="ModelDeployment.from_file and ServingStack.from_file.",
        fix="give a file with one document; cdk8s-inference synth takes many",
        sample=python(
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

_CANNOT_BE_COMPOSED = (
    Code(
        "D101",
        "PrefillDecode serving needs two engines",
        severity="error",
        prevents=f"{_REFUSED} An engine without a phase would have no part in serving.",
        source=f"{_CEL} In Python a phase may have several engines.",
        fix="keep one engine of phase Prefill and one of phase Decode; in Python, give every "
        "engine its phase",
        sample=_prefill_decode("spec.template.spec.engines[2]", _another("spare")),
    ),
    Code(
        "D102",
        "PrefillDecode serving needs one engine that prefills",
        severity="error",
        prevents=f"{_REFUSED} Without prefill pods decode does everything, with status 200.",
        source=f"{_CEL} {SEEN_RUN}",
        fix="set phase: Prefill on one engine",
        sample=_prefill_decode(f"{_ENGINE}.phase", REMOVED),
    ),
    Code(
        "D103",
        "PrefillDecode serving needs one engine that decodes",
        severity="error",
        prevents=f"{_REFUSED} Without decode pods the picker answers every request 429.",
        source=f"{_CEL} {SEEN_RUN}",
        fix="set phase: Decode on one engine",
        sample=_prefill_decode("spec.template.spec.engines[1].phase", REMOVED),
    ),
    Code(
        "D104",
        "An engine has a phase, and serving is not PrefillDecode",
        severity="error",
        prevents=f"{_REFUSED} Behind a Service the engine would do all of a request, its phase "
        "notwithstanding.",
        source=_CEL,
        fix="set serving.mode to PrefillDecode, or remove the phase",
        sample=rewritten("unified", "copies: 2", "phase: Decode\n          copies: 2"),
    ),
    Code(
        "D105",
        "An engine's members are neither one alone nor a leader and a worker",
        severity="error",
        prevents=f"{_REFUSED} A gang without its leader has nobody to follow, and no address.",
        source=f"{_CEL} A member without a role is Standalone.",
        fix="write one Standalone member, or one Leader and one Worker; worker.nodes says how "
        "many pods the Worker has",
        sample=_multi_node(f"{_MEMBER}.role", REMOVED),
    ),
    Code(
        "D106",
        "An engine claims no device",
        severity="error",
        prevents=f"{_REFUSED} The engine would not start, or compute on the CPU.",
        source=f"{_CEL} In a document nothing else leads to a GPU; in Python resources do too.",
        fix="add nodeSelector.devices to the member that needs the accelerator",
        sample=_unified(f"{_MEMBER}.nodeSelector", REMOVED),
    ),
    Code(
        "D107",
        "A member that is no worker says how many workers there are",
        severity="error",
        prevents=f"{_REFUSED} The gang would have another size than the document seems to say.",
        source=_CEL,
        fix="set worker on the Worker alone",
        sample=_multi_node(f"{_MEMBER}.worker", {"nodes": 3}),
    ),
    Code(
        "D108",
        "A container is not named engine",
        severity="error",
        prevents=f"{_REFUSED} By that name the container gets devices, cache and ports.",
        source=_CEL,
        fix="name it engine",
        sample=_unified(f"{_CONTAINER}.name", "vllm"),
    ),
    Code(
        "D109",
        "An Equal toleration has no key",
        severity="error",
        prevents=f"{_REFUSED} Equal compares a taint's key and value: without a key it tolerates "
        "nothing.",
        source=f"{_CEL} Equal is the default operator.",
        fix="set its key, or operator: Exists to tolerate every taint",
        sample=_unified("spec.template.spec.tolerations", [{"value": "models"}]),
    ),
    Code(
        "D110",
        "An Exists toleration has a value",
        severity="error",
        prevents=f"{_REFUSED} Exists looks at no value: it would tolerate more than is written.",
        source=_CEL,
        fix="remove the value, or set operator: Equal",
        sample=_unified(
            "spec.template.spec.tolerations",
            [{"key": "dedicated", "operator": "Exists", "value": "models"}],
        ),
    ),
    Code(
        "D111",
        "A label or annotation has a reserved prefix",
        severity="error",
        prevents="Workloads, pools and controllers select by these labels: pods would be counted "
        "where they do not belong.",
        source="Modelplane reserves modelplane.ai/, and LeaderWorkerSet's controller and this "
        "library have prefixes of their own.",
        fix="choose a prefix of your own",
        sample=_unified(f"{_LABELS}[modelplane.ai/team]", "chat"),
    ),
    Code(
        "D112",
        "A label's or annotation's key is malformed",
        severity="error",
        prevents="The API server refuses every object that carries it.",
        source=f"Kubernetes' syntax of labels and annotations. {_CEL}",
        fix="write [prefix/]name, the name up to 63 of [A-Za-z0-9._-], edged by alphanumerics",
        sample=_unified(f"{_LABELS}[cost center]", "chat"),
    ),
    Code(
        "D113",
        "The prefix of a label's or annotation's key is too long",
        severity="error",
        prevents="The API server refuses every object that carries it.",
        source=f"Kubernetes: a prefix is a DNS name, up to 253 characters. {_CEL}",
        fix="keep the prefix within 253 characters",
        sample=_unified(f"{_LABELS}[{'chat.' * 50}example/team]", "chat"),
    ),
    Code(
        "D114",
        "A label's value is malformed",
        severity="error",
        prevents="The API server refuses every object that carries it.",
        source=f"Kubernetes' syntax of labels. {_CEL}",
        fix="write up to 63 of [A-Za-z0-9._-], edged by alphanumerics; annotations take any text",
        sample=_unified(f"{_LABELS}[cost-center]", "chat & agents"),
    ),
    Code(
        "D122",
        "--port is no port",
        severity="error",
        prevents="The engine exits at once, and again after every restart. Of a decode engine it "
        "makes Modelplane fail.",
        source="vLLM and SGLang parse an integer; a port is 1 to 65535.",
        fix="write a number from 1 to 65535",
        sample=_unified(f"{_CONTAINER}.args[1]", "--port=http"),
    ),
    Code(
        "D123",
        "The decode engine takes the sidecar's port",
        severity="error",
        prevents="They share the pod's network: the second one does not start, or requests go "
        "around the sidecar.",
        source=f"{SEEN_RUN} The sidecar listens on 8000, the pool's port.",
        fix="give the decode engine --port=8001",
        sample=_prefill_decode(f"{_DECODE}.args[1]", "--port=8000"),
    ),
    Code(
        "D124",
        "The prefill engine does not listen where decode calls it",
        severity="error",
        prevents="Long prompts are answered 502. Router v0.8.0 hides it: decode does everything, "
        "with status 200.",
        source=f"{SEEN_RUN} The sidecar calls a prefill pod at the pool's port, 8000.",
        fix="give the prefill engine --port=8000",
        sample=_prefill_decode(f"{_CONTAINER}.args[1]", "--port=8001"),
    ),
    Code(
        "D125",
        "The role label contradicts the engine's phase",
        severity="error",
        prevents="The picker goes by the label: it would send users' requests to pods that only "
        "prefill, or never ask any to.",
        source=f"{SEEN_RUN} The picker's filters read llm-d.ai/role.",
        fix="remove the label: routing sets it from the phase",
        sample=_prefill_decode(
            f"{_MEMBER}.template.metadata", {"labels": {"llm-d.ai/role": "decode"}}
        ),
    ),
    Code(
        "D126",
        "Engines behind one Service listen on different ports",
        severity="error",
        prevents="The Service sends to one port: requests that fall to the other engines' pods are "
        "refused.",
        source="Kubernetes: targetPort is one number for all pods of a Service.",
        fix="give all engines the same --port",
        sample=_unified("spec.template.spec.engines[1]", _another("small", port=9000)),
    ),
    Code(
        "D128",
        "An engine has the endpoint picker's name",
        severity="error",
        prevents="Both are a Deployment of one name: the one that is applied later replaces the "
        "other.",
        source="The picker's objects are named after the replica, with -epp, and an engine's with "
        "the engine's name.",
        fix="rename the engine",
        sample=_prefill_decode(f"{_ENGINE}.name", "epp"),
    ),
    Code(
        "D130",
        "A variable has a value and a source",
        severity="error",
        prevents="Modelplane admits the document, and the API server refuses the workload.",
        source="Kubernetes: value and valueFrom exclude each other.",
        fix="keep one of them",
        sample=_unified(f"{_CONTAINER}.env[0].value", "none"),
    ),
    Code(
        "D131",
        "A variable does not have exactly one source",
        severity="error",
        prevents="Modelplane admits the document, and the API server refuses the workload.",
        source="Kubernetes: valueFrom names one source.",
        fix="name exactly one of secretKeyRef, configMapKeyRef and fieldRef",
        sample=_unified(
            f"{_CONTAINER}.env[0].valueFrom.configMapKeyRef",
            {"name": "hugging-face", "key": "token"},
        ),
    ),
    Code(
        "D132",
        "A character does not reach the container as written",
        severity="error",
        prevents="The engine gets another argument than the document shows, and refuses what looks "
        "right.",
        source="YAML's writers and readers escape, fold or refuse control characters, foreign line "
        "breaks and byte order marks.",
        fix="remove the character, or encode it as the engine reads it",
        sample=_unified(f"{_CONTAINER}.args[0]", "\ufeff--model=Qwen/Qwen3-8B"),
    ),
    Code(
        "D133",
        "Objects of one deployment have one name",
        severity="error",
        prevents="Of two objects of one name the later one stays: an engine is missing, and "
        "nothing says so.",
        source="A name over 63 characters, over 49 for a LeaderWorkerSet, is cut and ends in a "
        "hash: it can meet a name that was written so.",
        fix="rename the deployment or an engine",
        sample=document(
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

_WORKS_OTHERWISE = (
    Code(
        "D201",
        "The decode engine has no --port",
        severity="warning",
        prevents="Requests are forwarded to 8001, while vLLM by itself listens on 8000, which the "
        "sidecar has: it does not start.",
        source="Modelplane forwards to 8001 where the document does not say; vLLM's default.",
        fix="give the decode engine --port=8001",
        sample=_prefill_decode(f"{_DECODE}.args[1]", REMOVED),
    ),
    Code(
        "D203",
        "A field is not used",
        severity="note",
        prevents="Nothing goes wrong, but it chooses no cluster: the manifests go where you apply "
        "them.",
        source="clusterSelector and tolerations choose among the clusters that Modelplane manages.",
        fix="nothing is to do",
        sample=_unified("spec.template.spec.clusterSelector", {"matchLabels": {"region": "eu"}}),
    ),
    Code(
        "D204",
        "A device is asked for by another driver than its class has",
        severity="warning",
        prevents="No device satisfies both: the pod stays pending, and the scheduler stalled for "
        "minutes, for every other pod too.",
        source="Seen run with kube-scheduler v1.35.",
        fix="name the request's class: --device-class REQUEST=CLASS, or "
        "Platform(device_classes=...)",
        sample=_unified(
            f"{_MEMBER}.nodeSelector.devices[0].selectors[0].cel",
            'device.driver == "tpu.google.com"',
        ),
    ),
    Code(
        "D205",
        "The document names no namespace",
        severity="warning",
        prevents="Its objects go to the namespace default, whatever kubectl's context says, "
        "without the Secrets, quotas and permissions of the one that was meant.",
        source="Kubernetes leaves it to the client; here it is default.",
        fix="set metadata.namespace, or give --namespace",
        sample=_unified("metadata.namespace", REMOVED),
    ),
    Code(
        "D206",
        "Two deployments make the same object",
        severity="warning",
        prevents="Of two that are applied to one cluster the later one stays, and the other model "
        "is gone.",
        source="Kubernetes: kind, namespace and name are an object.",
        fix="rename one, keep them in namespaces of their own, or apply each to its own cluster",
        sample=command(
            "cdk8s-inference synth unified.yaml prefill-decode.yaml --output dist --namespace ml\n",
            "cdk8s-inference synth unified.yaml prefill-decode.yaml --output dist\n",
        ),
    ),
    Code(
        "D207",
        "--port is given twice",
        severity="warning",
        prevents="Engines take the last, and probes, Services and sidecars the first: the pod "
        "never gets ready.",
        source="Modelplane reads the first --port of args; the parsers of vLLM and SGLang keep the "
        "last.",
        fix="keep one of them",
        sample=_unified(f"{_CONTAINER}.args[3]", "--port=8080"),
    ),
    Code(
        "D208",
        "A device class is given for a request that no document has",
        severity="warning",
        prevents="The request that was meant keeps the default class, and gets other devices or "
        "none.",
        source="A class is chosen by the request's name in nodeSelector.devices.",
        fix="correct the name, or leave the option out",
        sample=command(
            "cdk8s-inference synth unified.yaml --output dist --device-class gpus=h100.example\n",
            "cdk8s-inference synth unified.yaml --output dist --device-class gpu=h100.example\n",
        ),
    ),
    Code(
        "D210",
        "Each pod of a gang fetches the weights by itself",
        severity="warning",
        prevents="Every start and restart downloads them once a pod, and the gang waits for the "
        "slowest.",
        source="Modelplane calls modelCacheRef required for several nodes, and its schema admits a "
        "gang without it.",
        fix="add modelCacheRef with a cache that every pod can mount",
        sample=_multi_node("spec.template.spec.modelCacheRef", REMOVED),
    ),
)

CODES = (*_SHAPE, *_CANNOT_BE_COMPOSED, *_WORKS_OTHERWISE)
