"""A model for llama-server with random weights: half a megabyte, made in a second, knows nothing.

What a real server, our client, the decoder and the loop do together is tested with it; the words
are noise, and the grammar that the server derives from our tools makes calls of them. One token is
one character: of the printable ones of ASCII, or else a byte.

    python tests/llama/make_gguf.py tiny.gguf
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gguf import GGUFWriter, TokenType

LAYERS, WIDTH, HEADS, HIDDEN, WINDOW = 2, 64, 4, 128, 131_072
SPECIAL = ["<unk>", "<s>", "</s>"]
PRINTABLE = [chr(code) for code in range(33, 127)]
END = 2
# Dimension 0 of what flows through the layers is a constant, for no layer writes into it. So the
# first column of the output's weights is a bias for each token.
CONSTANT = 0.3
NEVER = -40.0


def vocabulary() -> tuple[list[bytes], list[int]]:
    """Texts and kinds of the tokens."""
    texts = [text.encode() for text in SPECIAL]
    kinds = [TokenType.UNKNOWN, TokenType.CONTROL, TokenType.CONTROL]
    for byte in range(256):
        texts.append(f"<0x{byte:02X}>".encode())
        kinds.append(TokenType.BYTE)
    for text in ["\u2581", *PRINTABLE]:  # SentencePiece writes a space so
        texts.append(text.encode())
        kinds.append(TokenType.NORMAL)
    return texts, [int(kind) for kind in kinds]


def biases() -> np.ndarray:
    """How the tokens are favoured: strings stay ASCII and end soon. A call may have text before it,
    which ends where the call begins, with a brace."""
    bias = np.zeros(len(vocabulary()[0]), np.float32)
    first = len(SPECIAL) + 256
    bias[:first] = NEVER
    bias[END] = 4.0
    bias[first] = -3.0  # a space
    for text, value in {'"': 3.5, "{": 5.0, "\\": NEVER, "<": NEVER}.items():
        bias[first + 1 + PRINTABLE.index(text)] = value
    for index, text in enumerate(PRINTABLE):
        if text.islower():
            bias[first + 1 + index] += 1.0
    return bias


def write(path: Path, seed: int = 1) -> None:
    """The same seed gives the same bytes."""
    random = np.random.default_rng(seed)
    texts, kinds = vocabulary()

    def weights(*shape: int) -> np.ndarray:
        return random.normal(0, 0.3 / np.sqrt(shape[-1]), shape).astype(np.float32)

    writer = GGUFWriter(str(path), "llama")
    writer.add_name("memgpt test model: random weights")
    writer.add_context_length(WINDOW)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(texts))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(texts)
    writer.add_token_scores([0.0] * len(texts))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_add_space_prefix(False)

    embedding = random.normal(0, CONSTANT, (len(texts), WIDTH)).astype(np.float32)
    embedding[:, 0] = CONSTANT
    writer.add_tensor("token_embd.weight", embedding)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        ones = np.ones(WIDTH, np.float32)
        writer.add_tensor(f"{block}.attn_norm.weight", ones)
        for name in "qkv":
            writer.add_tensor(f"{block}.attn_{name}.weight", weights(WIDTH, WIDTH))
        for name, columns in {"attn_output": WIDTH, "ffn_down": HIDDEN}.items():
            matrix = weights(WIDTH, columns)
            matrix[0] = 0
            writer.add_tensor(f"{block}.{name}.weight", matrix)
        writer.add_tensor(f"{block}.ffn_norm.weight", ones)
        for name in ("ffn_gate", "ffn_up"):
            writer.add_tensor(f"{block}.{name}.weight", weights(HIDDEN, WIDTH))
    writer.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    output = random.normal(0, 0.1, (len(texts), WIDTH)).astype(np.float32)
    output[:, 0] = biases()
    writer.add_tensor("output.weight", output)

    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    write(Path(sys.argv[1]))
