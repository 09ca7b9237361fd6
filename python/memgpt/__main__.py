"""``python -m memgpt`` is ``memgpt run``, unless another command is named."""

import sys

from memgpt.cli import main

if __name__ == "__main__":
    arguments = sys.argv[1:]
    commands = ("run", "benchmark", "server", "doctor", "export", "import", "--version")
    if arguments[:1] not in ([name] for name in commands):
        arguments = ["run", *arguments]
    sys.exit(main(arguments))
