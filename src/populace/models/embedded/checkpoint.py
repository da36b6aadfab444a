"""Load a model from a GGUF file or a Hugging Face folder: shape, weights, tokenizer, chat template."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from populace.errors import ModelError
from populace.models.embedded.chat import Chat, chat_from_folder, chat_from_gguf
from populace.models.embedded.decoder import Decoder, Shape
from populace.models.embedded.gguf import Gguf, read_gguf

__all__ = ["Loaded", "load"]

_FAMILIES = ("llama", "mistral", "qwen2", "qwen3")
_ELSEWHERE = "serve it (vLLM, llama.cpp) and use the openai provider with its base_url"

_GGUF_NAMES = {
    "embed_tokens": "token_embd",
    "norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


class Loaded(NamedTuple):
    """A model ready to compute."""

    decoder: Decoder
    chat: Chat


def load(path: Path, dtype: torch.dtype) -> Loaded:
    """Load the model at `path`, a GGUF file or a Hugging Face folder with safetensors.

    Raises
    ------
    ModelError
        A file is missing or damaged, or the model is not of the Llama family.
    """
    try:
        return _load_folder(path, dtype) if path.is_dir() else _load_gguf(path, dtype)
    except KeyError as error:
        raise ModelError(f"the model lacks {error}", file=path, fix="download it again") from error


def _load_gguf(path: Path, dtype: torch.dtype) -> Loaded:
    file = read_gguf(path)
    family = file.metadata["general.architecture"]
    _known(path, family)

    def setting(name: str, default: Any = None) -> Any:
        value = file.metadata.get(f"{family}.{name}", default)
        if value is None:
            raise KeyError(f"{family}.{name}")
        return value

    heads, hidden = setting("attention.head_count"), setting("embedding_length")
    if setting("rope.scaling.type", "none") != "none":
        raise ModelError("scaled rotary positions are not supported in GGUF", file=path, fix=_ELSEWHERE)
    shape = Shape(
        layers=setting("block_count"),
        hidden=hidden,
        heads=heads,
        kv_heads=setting("attention.head_count_kv", heads),
        head_dim=setting("attention.key_length", hidden // heads),
        vocabulary=len(file.metadata["tokenizer.ggml.tokens"]),
        context=setting("context_length"),
        rope_base=setting("rope.freq_base", 10_000.0),
        norm_epsilon=setting("attention.layer_norm_rms_epsilon"),
    )
    factors = _tensor(file, "rope_freqs.weight")
    chat = chat_from_gguf(path, file.metadata)
    return Loaded(Decoder(shape, _gguf_weights(file, family, shape), dtype, factors), chat)


def _gguf_weights(file: Gguf, family: str, shape: Shape) -> Callable[[str], Tensor | None]:
    """Serve a file's tensors by their Hugging Face names."""

    def weight(name: str) -> Tensor | None:
        found = _tensor(file, _gguf_name(name))
        rotated = {"q_proj": shape.heads, "k_proj": shape.kv_heads}.get(name.split(".")[-2])
        if found is None or rotated is None or family != "llama":
            return found
        # llama.cpp stores Llama's rotary pairs side by side; ours stand half a head apart.
        return found.view(rotated, shape.head_dim // 2, 2, -1).transpose(1, 2).reshape(found.shape)

    return weight


def _gguf_name(name: str) -> str:
    """`layers.3.self_attn.q_proj.weight` is `blk.3.attn_q.weight` in a GGUF file."""
    stem, kind = name.rsplit(".", 1)
    if not stem.startswith("layers."):
        return f"{_GGUF_NAMES[stem]}.{kind}"
    _, layer, part = stem.split(".", 2)
    return f"blk.{layer}.{_GGUF_NAMES[part]}.{kind}"


def _tensor(file: Gguf, name: str) -> Tensor | None:
    return torch.tensor(file.tensor(name)) if name in file.tensors else None


def _load_folder(folder: Path, dtype: torch.dtype) -> Loaded:
    settings = _json(folder / "config.json")
    _known(folder, settings.get("model_type"))
    heads, hidden = settings["num_attention_heads"], settings["hidden_size"]
    rope = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    head_dim = settings.get("head_dim") or hidden // heads
    shape = Shape(
        layers=settings["num_hidden_layers"],
        hidden=hidden,
        heads=heads,
        kv_heads=settings.get("num_key_value_heads") or heads,
        head_dim=head_dim,
        vocabulary=settings["vocab_size"],
        context=_context(settings),
        rope_base=rope.get("rope_theta") or settings.get("rope_theta") or 10_000.0,
        norm_epsilon=settings["rms_norm_eps"],
    )
    weights = _safetensors(folder)
    if settings.get("tie_word_embeddings"):
        weights.pop("lm_head.weight", None)
    chat = chat_from_folder(folder, _stop(folder, settings))
    return Loaded(Decoder(shape, weights.get, dtype, _rope_factors(folder, rope, shape)), chat)


def _safetensors(folder: Path) -> dict[str, Tensor]:
    from safetensors.torch import load_file

    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise ModelError("there are no safetensors files", file=folder, fix="download the complete model")
    tensors: dict[str, Tensor] = {}
    for file in files:
        tensors |= {name.removeprefix("model."): t.float() for name, t in load_file(file).items()}
    return tensors


def _context(settings: dict[str, Any]) -> int:
    """Longest input; where attention slides over a window, what fits in it (there it changes nothing)."""
    limit = settings["max_position_embeddings"]
    window = settings.get("sliding_window")
    return min(limit, window) if window and settings.get("use_sliding_window", True) else limit


def _stop(folder: Path, settings: dict[str, Any]) -> frozenset[int]:
    generation = folder / "generation_config.json"
    ends = _json(generation).get("eos_token_id") if generation.exists() else settings.get("eos_token_id")
    return frozenset([ends] if isinstance(ends, int) else ends or [])


def _rope_factors(folder: Path, rope: dict[str, Any], shape: Shape) -> Tensor | None:
    """Llama 3's stretched rotary positions: by what each frequency is divided."""
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind == "default":
        return None
    if kind != "llama3":
        raise ModelError(f"rotary positions of kind {kind!r} are not supported", file=folder, fix=_ELSEWHERE)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    steps = torch.arange(0, shape.head_dim, 2, dtype=torch.float64) / shape.head_dim
    turns = rope["original_max_position_embeddings"] * shape.rope_base**-steps / (2 * math.pi)
    blend = ((turns - low) / (high - low)).clamp(0, 1)
    return (1 / ((1 - blend) / rope["factor"] + blend)).float()


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        fix = "give a complete Hugging Face folder"
        raise ModelError(f"cannot read it: {error}", file=path, fix=fix) from error


def _known(path: Path, family: Any) -> None:
    if family not in _FAMILIES:
        raise ModelError(
            f"models of the {family!r} family are not run here (known: {', '.join(_FAMILIES)})",
            file=path,
            fix=_ELSEWHERE,
        )
