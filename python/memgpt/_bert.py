"""The encoder of BERT in numpy, and a sentence's vector of it. Imported where one is loaded.

Sources: J. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", NAACL 2019 (the encoder); N. Reimers and I. Gurevych, "Sentence-BERT", EMNLP 2019
(the mean over a sentence's tokens).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bert", "gelu"]

Floats = NDArray[np.float32]

BATCH = 32  # texts at once
CACHED = 1 << 16  # floats that stay in a core's cache while several passes go over them


@dataclass(frozen=True)
class _Linear:
    weight: Floats  # (out, in)
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        x = x @ self.weight.T
        x += self.bias
        return x


@dataclass(frozen=True)
class _Norm:
    """J. L. Ba et al., "Layer Normalization", 2016."""

    scale: Floats
    shift: Floats
    epsilon: float

    def __call__(self, x: Floats) -> Floats:
        x -= x.mean(-1, keepdims=True)
        variance = np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1]
        x *= 1 / np.sqrt(variance + np.float32(self.epsilon))
        x *= self.scale
        x += self.shift
        return x


@dataclass(frozen=True)
class _Layer:
    query_key_value: _Linear  # the three below each other
    attended: _Linear
    attended_norm: _Norm
    inner: _Linear
    outer: _Linear
    outer_norm: _Norm


def gelu(x: Floats) -> Floats:
    """x times the normal distribution's share below x, in place; within 1e-6 of it.

    D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units", 2016. The error function, which numpy
    has not, is 7.1.26 of M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions",
    1964: within 1.5e-7.
    """
    rows = x.reshape(-1, x.shape[-1])
    step = max(1, CACHED // x.shape[-1])
    for begin in range(0, len(rows), step):
        part = rows[begin : begin + step]
        size = np.abs(part)
        t = 1 / (1 + np.float32(0.3275911 / 2**0.5) * size)
        tail = t * np.float32(1.061405429)
        for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            tail += np.float32(factor)
            tail *= t
        # The share beyond |x| on both sides; half of it times |x| is what the ramp has too much.
        tail *= np.exp(np.float32(-0.5) * size * size)
        tail *= size
        np.maximum(part, 0, out=part)
        part -= np.float32(0.5) * tail
    return x


def _softmax(x: Floats) -> Floats:
    x -= x.max(-1, keepdims=True)
    np.exp(x, out=x)
    x /= x.sum(-1, keepdims=True)
    return x


class Bert:
    """An encoder, for any number of threads at once.

    Args:
        tensors: the weights by their names in a checkpoint of Hugging Face's ``BertModel``.
        heads: of the attention.
        epsilon: of the layer norms.

    Attributes:
        width: floats of a vector.
        longest: tokens of a text at most.

    Raises:
        ValueError: where a tensor is missing, or has a shape that does not fit the others.
    """

    def __init__(self, tensors: Mapping[str, NDArray], heads: int, epsilon: float) -> None:
        def take(name: str, *shape: int) -> Floats:
            if name not in tensors:
                raise ValueError(f"there is no tensor {name}")
            tensor = tensors[name]
            wanted = tuple(n or m for n, m in zip(shape, tensor.shape, strict=False))
            if tensor.shape != wanted or len(wanted) != len(shape) or 0 in wanted:
                raise ValueError(f"the tensor {name} has the shape {tensor.shape}, not {shape}")
            return np.ascontiguousarray(tensor, np.float32)

        def linear(name: str, out: int, into: int) -> _Linear:
            return _Linear(take(f"{name}.weight", out, into), take(f"{name}.bias", out))

        def norm(name: str) -> _Norm:
            weight, bias = take(f"{name}.weight", width), take(f"{name}.bias", width)
            return _Norm(weight, bias, epsilon)

        self._words = take("embeddings.word_embeddings.weight", 0, 0)
        self.width = width = self._words.shape[1]
        if heads < 1 or width % heads:
            raise ValueError(f"{heads} heads do not share {width} floats")
        self._heads = heads
        # All text is of one kind, the first.
        self._positions = (
            take("embeddings.position_embeddings.weight", 0, width)
            + take("embeddings.token_type_embeddings.weight", 0, width)[0]
        )
        self.longest = len(self._positions)
        self._norm = norm("embeddings.LayerNorm")
        self._layers: list[_Layer] = []
        while f"encoder.layer.{len(self._layers)}.output.dense.weight" in tensors:
            at = f"encoder.layer.{len(self._layers)}"
            parts = [
                linear(f"{at}.attention.self.{part}", width, width)
                for part in ("query", "key", "value")
            ]
            inner = take(f"{at}.intermediate.dense.weight", 0, width).shape[0]
            self._layers.append(
                _Layer(
                    _Linear(
                        np.concatenate([part.weight for part in parts]),
                        np.concatenate([part.bias for part in parts]),
                    ),
                    linear(f"{at}.attention.output.dense", width, width),
                    norm(f"{at}.attention.output.LayerNorm"),
                    linear(f"{at}.intermediate.dense", inner, width),
                    linear(f"{at}.output.dense", width, inner),
                    norm(f"{at}.output.LayerNorm"),
                )
            )
        if not self._layers:
            raise ValueError("there is no layer")

    @property
    def layers(self) -> int:
        return len(self._layers)

    @property
    def vocabulary(self) -> int:
        """Tokens that it knows: ids are below it."""
        return len(self._words)

    def _attend(self, layer: _Layer, x: Floats, hidden: Floats) -> Floats:
        """What each token takes from the others of its text; ``hidden`` is added to the scores."""
        texts, tokens, width = x.shape
        split = layer.query_key_value(x.reshape(-1, width))
        split = split.reshape(texts, tokens, 3, self._heads, width // self._heads)
        query, key, value = split.transpose(2, 0, 3, 1, 4)
        query *= np.float32((width // self._heads) ** -0.5)
        weights = query @ key.swapaxes(-1, -2)
        weights += hidden
        mixed = _softmax(weights) @ value
        return mixed.transpose(0, 2, 1, 3).reshape(-1, width)

    def _encode(self, ids: NDArray[np.intp], mask: NDArray[np.bool_]) -> Floats:
        """Vectors of the tokens, (texts, tokens, width); the mask is true where there is one."""
        texts, tokens = ids.shape
        x = self._norm(self._words[ids] + self._positions[:tokens])
        hidden = np.where(mask, np.float32(0), np.float32(-np.inf))[:, None, None, :]
        for layer in self._layers:
            flat = x.reshape(-1, self.width)
            flat = layer.attended_norm(layer.attended(self._attend(layer, x, hidden)) + flat)
            flat = layer.outer_norm(layer.outer(gelu(layer.inner(flat))) + flat)
            x = flat.reshape(texts, tokens, self.width)
        return x

    def sentences(self, ids: Sequence[Sequence[int]]) -> Floats:
        """Vectors of texts, (texts, width), of length 1: the mean over a text's tokens.

        Args:
            ids: the tokens of each text, at least one and at most :attr:`longest`.
        """
        rows = np.empty((len(ids), self.width), np.float32)
        # Texts of about one length together: little is computed for padding.
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            lengths = np.array([len(ids[i]) for i in batch])
            padded = np.zeros((len(batch), int(lengths[-1])), np.intp)
            for row, i in zip(padded, batch, strict=True):
                row[: len(ids[i])] = ids[i]
            mask = np.arange(padded.shape[1]) < lengths[:, None]
            tokens = self._encode(padded, mask)
            tokens *= mask[:, :, None]
            rows[batch] = tokens.sum(1) / lengths[:, None]
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), np.float32(1e-12))
        return rows
