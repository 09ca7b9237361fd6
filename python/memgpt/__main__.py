"""``python -m memgpt`` is ``memgpt run``, unless another command is named."""

import sys

from memgpt.cli import main

if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[:1] not in ([name] for name in ("run", "doctor", "export", "import", "--version")):
        arguments = ["run", *arguments]
    sys.exit(main(arguments))
