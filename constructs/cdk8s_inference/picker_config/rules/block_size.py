"""The size of the blocks in which the picker counts cached prefixes."""

from __future__ import annotations

from collections.abc import Iterator

from cdk8s_inference.findings import Violation
from cdk8s_inference.findings.example import edited, picker_config
from cdk8s_inference.picker_config.document import PickerDocument
from cdk8s_inference.picker_config.example_configs import WORKS
from cdk8s_inference.picker_config.rule import PICKER_CONFIG_RULES, rule


@rule(
    "P504",
    "note",
    "The picker uses another block size than the one given",
    why="The picker counts blocks of another size than the engine caches, and takes part of a "
    "cached prompt for new.",
    evidence="Seen run with router v0.9.0 and v0.10.0, which log that they raise it to 64.",
    fix="write the size that is used, and give it to the engine as well",
    example=picker_config(edited(WORKS, ("blockSizeTokens: 64", "blockSizeTokens: 16")), WORKS),
)
def small_block(document: PickerDocument) -> Iterator[Violation]:
    smallest = document.release.picker.smallest_block_tokens
    for producer in document.of_type("approx-prefix-cache-producer"):
        block = producer.written("blockSizeTokens")
        if block is not None and isinstance(block.value, int) and 0 < block.value < smallest:
            yield Violation(
                block,
                f"blockSizeTokens is {block.value}; the picker counts blocks of {smallest}",
                fix=f"write {smallest}",
            )


SMALL_BLOCK = PICKER_CONFIG_RULES.rules["P504"]
