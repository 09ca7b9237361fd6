"""``memgpt export`` and ``memgpt import``: agents in files of their own."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import memgpt
from memgpt._window import shortened
from memgpt.cli.run import folder, make_folder

__all__ = ["CarryOptions", "carry"]


@dataclass(frozen=True)
class CarryOptions:
    """The flags of both commands."""

    command: str
    file: str
    db: str | None = None
    name: str | None = None
    overwrite: bool = False


def _export(home: memgpt.Home, options: CarryOptions) -> str:
    agent = home.agent(options.name or "")
    agent.export(options.file, overwrite=options.overwrite)
    return f"{_counts(agent)} are in {options.file}."


def _import(home: memgpt.Home, options: CarryOptions) -> str:
    agent = home.import_agent(options.file, options.name)
    lines = [f"{_counts(agent)} are in {home.path}."]
    if agent.unbound:
        lines.append("To be bound by the program that uses it: " + ", ".join(agent.unbound))
    return "\n".join(lines)


def _counts(agent: memgpt.Agent) -> str:
    return (
        f'Agent "{shortened(agent.name, 80)}", its {len(agent.recall):,} messages and '
        f"{len(agent.archival):,} passages"
    )


def _in_flags(error: str) -> str:
    """What an error tells a program to pass, as it is passed here."""
    return error.replace("overwrite=True", "--overwrite").replace("name=...", "--name")


def carry(options: CarryOptions) -> int:
    """``memgpt export`` or ``memgpt import``.

    Returns:
        The exit code: 0 where it is done, 2 where it is not.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            path = Path(options.db) if options.db is not None else folder() / "agents.db"
            if options.command == "export" and not path.is_file():
                raise memgpt.StoreError(f'there is no database "{path}"; give --db PATH')
            # Before a database is made for it.
            if options.command == "import" and not Path(options.file).is_file():
                raise memgpt.StoreError(f'there is no file "{options.file}"; give the path of one')
            if options.command == "import" and options.db is None:
                make_folder()
            with memgpt.open(path) as home:
                told = (_export if options.command == "export" else _import)(home, options)
        except memgpt.Error as error:
            print(f"memgpt: {' '.join(_in_flags(str(error)).split())}", file=sys.stderr)
            return 2
        except (OSError, RuntimeError, ValueError) as error:
            print(f"memgpt: {error}; give the path of a file", file=sys.stderr)
            return 2
    for warning in caught:
        print(f"memgpt: {' '.join(str(warning.message).split())}", file=sys.stderr)
    print(told)
    return 0
