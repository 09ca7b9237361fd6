"""Ready-made stores for archival memory; each imports its library when one is made.

``FlatFile`` needs none. The others are extras: ``pip install "memgpt-cpp[lancedb]"``,
``"memgpt-cpp[chroma]"``, ``"memgpt-cpp[pgvector]"``.
"""

from memgpt.stores.chroma import Chroma
from memgpt.stores.flat_file import FlatFile
from memgpt.stores.lance import LanceDB
from memgpt.stores.postgres import PgVector

__all__ = ["Chroma", "FlatFile", "LanceDB", "PgVector"]
