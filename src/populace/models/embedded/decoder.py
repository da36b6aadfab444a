r"""A Llama-family decoder in plain PyTorch, made for scoring and writing many texts on a CPU.

Why not the model class of transformers: this one keeps the tokens of a batch packed (no work on
padding), holds keys and values in one preallocated cache that several rows can be copied from (so a
persona's prompt is computed once), gives logits only where they are asked for, and folds the grouped
query heads into the query axis. `docs/design/models.md` has the measurements; the tests hold its logits
to those of transformers on the same weights.

The block is that of Touvron et al. (2023), https://arxiv.org/abs/2302.13971: pre-normalisation with
RMSNorm, rotary positions, SwiGLU, and grouped-query attention (Ainslie et al. 2023,
https://arxiv.org/abs/2305.13245); biases on the query, key and value (Qwen 2) and normalised queries and
keys (Qwen 3) are used where the checkpoint has them.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["Cache", "Decoder", "Shape"]

_ROWS = 64
"""Rows of the left factor for which weights are laid out; any number may come."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a decoder, under the names of a Hugging Face configuration where they are clear."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    context: int
    """Longest input the model was made for, in tokens."""
    rope_base: float
    norm_epsilon: float


class Cache:
    """Keys and values of `rows` texts of at most `width` tokens: [layer, row, head, token, dim]."""

    def __init__(self, shape: Shape, rows: int, width: int, dtype: torch.dtype) -> None:
        size = (shape.layers, rows, shape.kv_heads, width, shape.head_dim)
        self.keys = torch.zeros(size, dtype=dtype)
        self.values = torch.zeros(size, dtype=dtype)

    def copy_row(self, row: int, source: Cache, source_row: int, tokens: int) -> None:
        """Take over the first `tokens` tokens of a row of another cache."""
        self.keys[:, row, :, :tokens] = source.keys[:, source_row, :, :tokens]
        self.values[:, row, :, :tokens] = source.values[:, source_row, :, :tokens]

    def keep(self, rows: Tensor) -> None:
        """Drop every row not in `rows`."""
        self.keys = self.keys.index_select(1, rows)
        self.values = self.values.index_select(1, rows)


class Decoder:
    """Weights of a decoder, ready to compute.

    Parameters
    ----------
    shape
        Sizes.
    weight
        Gives a tensor (float32) by its Hugging Face name without the leading `model.`, or None where
        the checkpoint has none of that name. Called from several threads.
    dtype
        Precision of the matrix products and the cache. The residual stream, the norms, the rotary
        positions and the logits are float32 in any case.
    rope_factors
        Divides each rotary frequency (Llama 3's long contexts); shape [head_dim / 2].
    """

    def __init__(
        self,
        shape: Shape,
        weight: Callable[[str], Tensor | None],
        dtype: torch.dtype,
        rope_factors: Tensor | None = None,
    ) -> None:
        def need(name: str) -> Tensor:
            found = weight(name)
            if found is None:
                raise KeyError(name)
            return found

        self.shape = shape
        self.dtype = dtype
        self._embedding = need("embed_tokens.weight")
        head = weight("lm_head.weight")
        self._head = _Linear(self._embedding if head is None else head)
        self._norm = need("norm.weight")
        # Side by side and one layer at a time each: dequantising takes most of the loading, and all
        # weights at once in float32 would be the peak of the memory.
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            prefixes = [f"layers.{i}." for i in range(shape.layers)]
            self._layers = list(pool.map(lambda prefix: _Layer(shape, prefix, weight, need, dtype), prefixes))
        steps = torch.arange(0, shape.head_dim, 2, dtype=torch.float64) / shape.head_dim
        self._frequencies = (1.0 / shape.rope_base**steps).float()
        if rope_factors is not None:
            self._frequencies = self._frequencies / rope_factors

    def new_cache(self, rows: int, width: int) -> Cache:
        """Make an empty cache for `rows` texts of at most `width` tokens."""
        return Cache(self.shape, rows, width, self.dtype)

    def cache_tokens(self, size: int) -> int:
        """Tokens whose keys and values fit in `size` bytes."""
        shape = self.shape
        return size // (2 * shape.layers * shape.kv_heads * shape.head_dim * self.dtype.itemsize)

    def extend(self, cache: Cache, tokens: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Read tokens into the cache and give the residual stream after the last block.

        Parameters
        ----------
        cache
            Every row holds all positions before those now given.
        tokens, rows, positions
            One entry a token, shape [N]: its id, its row of the cache, its place in the row's text. A
            row's tokens stand together, in order.

        Returns
        -------
        Tensor [N, hidden], float32; see `logits`.
        """
        batch = _Batch(cache, rows, positions, positions[:, None] * self._frequencies)
        stream = functional.embedding(tokens, self._embedding)
        for index, layer in enumerate(self._layers):
            stream = layer(stream, batch, cache.keys[index], cache.values[index])
        return stream

    def logits(self, stream: Tensor) -> Tensor:
        """Logits of the next token, [N, vocabulary], float32, for rows of the residual stream.

        The product is taken in float32 whatever the precision: a logit near 20 rounded to bfloat16 is
        off by up to 0.06, and the log-likelihood with it.
        """
        normed = functional.rms_norm(stream, (self.shape.hidden,), self._norm, self.shape.norm_epsilon)
        return self._head(normed)


class _Linear:
    """A matrix product whose weight is laid out once as oneDNN wants it, where PyTorch has oneDNN.

    `functional.linear` lays the weight out anew in every call; for the few rows of a decoding step that
    costs as much as the product. The operator is the one PyTorch's own compiler emits.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        self.dtype = weight.dtype
        self._bias = bias
        self._packed = torch.backends.mkldnn.is_available()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS) if self._packed else weight

    def __call__(self, x: Tensor) -> Tensor:
        if not self._packed:
            return functional.linear(x, self._weight, self._bias)
        return torch.ops.mkldnn._linear_pointwise(x, self._weight, self._bias, "none", [], "")


class _Batch:
    """Where the tokens of one call go, shared by all layers."""

    def __init__(self, cache: Cache, rows: Tensor, positions: Tensor, angles: Tensor) -> None:
        self.rows, self.positions = rows, positions
        angles = torch.cat((angles, angles), dim=-1)[:, None]
        self.cos, self.sin = angles.cos(), angles.sin()
        count = cache.keys.shape[1]
        per_row = torch.bincount(rows, minlength=count)
        starts = per_row.cumsum(0) - per_row
        self.slots = torch.arange(len(rows)) - starts[rows]
        """Index of each token among its row's tokens in this call."""
        self.queries = int(per_row.max())
        self.full = len(rows) == count * self.queries
        """Whether every row gets the same number of tokens, so that nothing is padded."""
        self.count = count
        self.width = cache.keys.shape[3]
        limit = torch.zeros(count, self.queries, dtype=torch.long)
        limit[rows, self.slots] = positions
        hidden = torch.arange(self.width) > limit[:, None, None, :, None]
        self.mask = torch.zeros(hidden.shape, dtype=cache.keys.dtype).masked_fill_(hidden, -torch.inf)
        """Added to the scores, [row, 1, 1, query, key]: a token sees itself and what stands before it."""

    def pad(self, packed: Tensor) -> Tensor:
        """[N, ...] to [row, query, ...]."""
        if self.full:
            return packed.view(self.count, self.queries, *packed.shape[1:])
        padded = packed.new_zeros(self.count, self.queries, *packed.shape[1:])
        padded[self.rows, self.slots] = packed
        return padded

    def pack(self, padded: Tensor) -> Tensor:
        """[row, query, ...] to [N, ...]."""
        return padded.flatten(0, 1) if self.full else padded[self.rows, self.slots]


class _Layer:
    """One block: attention, then the gated feed-forward."""

    def __init__(
        self,
        shape: Shape,
        prefix: str,
        weight: Callable[[str], Tensor | None],
        need: Callable[[str], Tensor],
        dtype: torch.dtype,
    ) -> None:
        attention, feed = prefix + "self_attn.", prefix + "mlp."
        projections = [attention + name for name in ("q_proj", "k_proj", "v_proj")]
        biases = [weight(name + ".bias") for name in projections]
        present = [bias for bias in biases if bias is not None]
        self._shape = shape

        def linear(*names: str, bias: Tensor | None = None) -> _Linear:
            return _Linear(torch.cat([need(name + ".weight") for name in names]).to(dtype), bias)

        self._in = linear(*projections, bias=torch.cat(present).to(dtype) if present else None)
        self._out = linear(attention + "o_proj")
        self._gate_up = linear(feed + "gate_proj", feed + "up_proj")
        self._down = linear(feed + "down_proj")
        self._norm_in = need(prefix + "input_layernorm.weight")
        self._norm_feed = need(prefix + "post_attention_layernorm.weight")
        self._norm_query = weight(attention + "q_norm.weight")
        self._norm_key = weight(attention + "k_norm.weight")

    def __call__(self, stream: Tensor, batch: _Batch, keys: Tensor, values: Tensor) -> Tensor:
        stream = stream + self._attend(self._normed(stream, self._norm_in), batch, keys, values)
        gate, up = self._gate_up(self._normed(stream, self._norm_feed)).chunk(2, dim=-1)
        return stream + self._down(functional.silu(gate) * up)

    def _normed(self, stream: Tensor, weight: Tensor) -> Tensor:
        normed = functional.rms_norm(stream, (self._shape.hidden,), weight, self._shape.norm_epsilon)
        return normed.to(self._in.dtype)

    def _attend(self, normed: Tensor, batch: _Batch, keys: Tensor, values: Tensor) -> Tensor:
        shape = self._shape
        heads = self._in(normed).view(len(normed), -1, shape.head_dim)
        query, key, value = heads.split((shape.heads, shape.kv_heads, shape.kv_heads), dim=1)
        query = self._rotate(query, self._norm_query, batch) * shape.head_dim**-0.5
        keys[batch.rows, :, batch.positions] = self._rotate(key, self._norm_key, batch).to(keys.dtype)
        values[batch.rows, :, batch.positions] = value
        # Heads that share keys become more queries of one head: [row, kv head, group * query, dim].
        groups = shape.heads // shape.kv_heads
        folded = batch.pad(query.to(keys.dtype)).view(batch.count, batch.queries, shape.kv_heads, groups, -1)
        folded = folded.permute(0, 2, 3, 1, 4).flatten(2, 3)
        scores = folded @ keys.transpose(-1, -2)
        scores.view(batch.count, shape.kv_heads, groups, batch.queries, -1).add_(batch.mask)
        mixed = torch.softmax(scores, dim=-1) @ values
        mixed = mixed.view(batch.count, shape.kv_heads, groups, batch.queries, -1).permute(0, 3, 1, 2, 4)
        return self._out(batch.pack(mixed.flatten(2)))

    def _rotate(self, heads: Tensor, norm: Tensor | None, batch: _Batch) -> Tensor:
        """Rotary positions (Su et al. 2021, equation 34), in float32, halves paired as Hugging Face does."""
        heads = heads.float()
        if norm is not None:
            heads = functional.rms_norm(heads, (self._shape.head_dim,), norm, self._shape.norm_epsilon)
        first, second = heads.chunk(2, dim=-1)
        return heads * batch.cos + torch.cat((-second, first), dim=-1) * batch.sin
