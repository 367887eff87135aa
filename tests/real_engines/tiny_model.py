"""Writes a tiny language model with seeded weights; run by the Python that has the engines.

usage: tiny_model.py FOLDER [key=value ...]

The tokenizer has one token for each byte. The keys are those of ``config.json``, and ``seed``.
Attention is strong: the next token depends on the whole prompt, so that lost or foreign blocks are
seen in the output. The end of the text is never the next token.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

SPECIAL = ("<s>", "</s>", "<pad>")
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
CONFIG: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "hidden_size": 128,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 131072,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "hidden_act": "silu",
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
    "use_sliding_window": False,
}


def write_tokenizer(folder: Path) -> int:
    """Writes the tokenizer; says how many tokens it has."""
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = {sign: number for number, sign in enumerate((*SPECIAL, *signs))}
    made = Tokenizer(models.BPE(vocab=tokens, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL])
    made.save(str(folder / "tokenizer.json"))
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **dict(zip(("bos_token", "eos_token", "pad_token"), SPECIAL, strict=True)),
        "chat_template": TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    return len(tokens)


def weights(config: dict[str, Any], seed: int) -> dict[str, Any]:
    """The weights of a Qwen2 model of a configuration."""
    random = torch.Generator().manual_seed(seed)
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    width = 32
    queries = config["num_attention_heads"] * width
    keys = config["num_key_value_heads"] * width

    def normal(*shape: int, strength: float = 1.0) -> Any:
        return torch.randn(*shape, generator=random) * strength * shape[-1] ** -0.5

    made = {
        "model.embed_tokens.weight": normal(config["vocab_size"], hidden, strength=hidden**0.5),
        "model.norm.weight": torch.ones(hidden),
        "lm_head.weight": normal(config["vocab_size"], hidden, strength=2),
    }
    made["lm_head.weight"][: len(SPECIAL)] = 0
    for number in range(config["num_hidden_layers"]):
        layer = f"model.layers.{number}"
        for norm in ("input_layernorm", "post_attention_layernorm"):
            made[f"{layer}.{norm}.weight"] = torch.ones(hidden)
        for name, rows in (("q", queries), ("k", keys), ("v", keys)):
            made[f"{layer}.self_attn.{name}_proj.weight"] = normal(rows, hidden, strength=2)
            made[f"{layer}.self_attn.{name}_proj.bias"] = normal(rows)
        made[f"{layer}.self_attn.o_proj.weight"] = normal(hidden, queries, strength=2)
        for name in ("gate", "up"):
            made[f"{layer}.mlp.{name}_proj.weight"] = normal(inner, hidden)
        made[f"{layer}.mlp.down_proj.weight"] = normal(hidden, inner)
    return made


def main(folder: Path, given: list[str]) -> None:
    """Writes it."""
    changes = {key: json.loads(value) for key, _, value in (each.partition("=") for each in given)}
    seed = changes.pop("seed", 0)
    folder.mkdir(parents=True)
    config = {**CONFIG, "head_dim": 32, "vocab_size": write_tokenizer(folder), **changes}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 1}))
    tensors = {name: tensor.contiguous() for name, tensor in weights(config, seed).items()}
    save_file(tensors, str(folder / "model.safetensors"), metadata={"format": "pt"})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
