"""Whether the pods of a gang have a device for each rank, and know the first pod."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from cdk8s_inference.checks import check
from cdk8s_inference.checks.document import check_document
from cdk8s_inference.findings import Edit
from cdk8s_inference.findings.example import apply, example_text
from cdk8s_inference.source import Document
from tests.kit import examples

CODES = {"T650", "T651"}
TWO_NODES = "--tensor-parallel-size=8 --pipeline-parallel-size=2"
MEET = "--nnodes=2 --node-rank=$(LWS_WORKER_INDEX) --master-addr=$(LWS_LEADER_ADDRESS)"


def told(flags: str, *, image: str = "vllm/vllm-openai:v0.23.0", before: str = "") -> set[str]:
    """What is said of a gang of two pods with eight devices each."""
    objects: list[Any] = examples.base("gang")
    template = objects[0]["spec"]["leaderWorkerTemplate"]
    for part, last in (("leaderTemplate", "--port=8000"), ("workerTemplate", "--headless")):
        container = template[part]["spec"]["containers"][0]
        server = "python3 -m sglang.launch_server" if "sglang" in image else "exec vllm serve"
        container["image"] = image
        container["args"] = [f"{before}{server} /models {flags} {last}"]
    return {each.code for each in check([Document(each) for each in objects])} & CODES


@pytest.mark.parametrize(
    ("flags", "codes"),
    [
        (TWO_NODES, {"T650"}),
        (f"{TWO_NODES} {MEET}", set()),
        (f"{TWO_NODES} --distributed-executor-backend=mp", {"T650"}),
        (f"{TWO_NODES} --distributed-executor-backend=ray", set()),
        ("--tensor-parallel-size=16 --nnodes=2 --node-rank=$(LWS_WORKER_INDEX)", {"T651"}),
        (f"--tensor-parallel-size=7 {MEET}", {"T650"}),
        ("--tensor-parallel-size=$(GPUS) --pipeline-parallel-size=2", set()),
        (f"{TWO_NODES} --config=/etc/vllm.yaml", set()),
        # Data-parallel ranks: all of them in each pod, unless it is told how many it has.
        ("--data-parallel-size=16", {"T650"}),
        ("--data-parallel-size=16 --data-parallel-size-local=8", {"T651"}),
        (
            "--data-parallel-size=16 --data-parallel-size-local=8 "
            "--data-parallel-address=$(LWS_LEADER_ADDRESS)",
            set(),
        ),
    ],
)
def test_ranks_devices_and_the_first_pod_of_vllm(flags: str, codes: set[str]) -> None:
    assert told(flags) == codes


def test_earlier_releases_turn_to_a_ray_cluster_that_is_there() -> None:
    old, ray = "vllm/vllm-openai:v0.11.0", "ray start --head; "
    assert told(TWO_NODES, image=old) == {"T650"}
    assert told(TWO_NODES, image=old, before=ray) == set()
    assert told(TWO_NODES, image=old, before="bash /multi-node-serving.sh leader; ") == set()
    # Which release it is, nobody knows.
    assert told(TWO_NODES, image="example.com/vllm:ours", before=ray) == set()
    assert told(TWO_NODES, before=ray) == {"T650"}


def test_sglang() -> None:
    image = "lmsysorg/sglang:v0.5.9"
    nodes = "--tp-size=16 --nnodes=2 --node-rank=$(LWS_WORKER_INDEX)"
    assert told("--tp-size=16", image=image) == {"T650"}
    assert told(nodes, image=image) == {"T651"}
    assert told(f"{nodes} --dist-init-addr=127.0.0.1:20000", image=image) == {"T651"}
    assert told(f"{nodes} --dist-init-addr=$(LWS_LEADER_ADDRESS):20000", image=image) == set()


def test_documents() -> None:
    def of(flags: str) -> set[str]:
        [found] = yaml.safe_load_all(example_text("multi-node"))
        for member, last in ((0, "--port=8000"), (1, "--headless")):
            at = f"spec.template.spec.engines[0].members[{member}].template.spec.containers[0]"
            script = f"exec vllm serve /mnt/models {flags} {last}"
            apply([found], Edit("ModelDeployment/kimi", f"{at}.args[0]", script))
        return {each.code for each in check_document(Document(found))[1]} & CODES

    assert of(TWO_NODES) == {"T650"}
    assert of(f"{TWO_NODES} --nnodes=2 --node-rank=$(MODELPLANE_RANK)") == {"T651"}
    assert of(f"{TWO_NODES} {MEET}") == set()
