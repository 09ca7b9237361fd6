"""How bubblewrap is called: what a tool sees of the machine, and whether it can be had at all."""

from __future__ import annotations

import functools
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from memgpt import _sandbox_filter
from memgpt.errors import ConfigError

WORK = "/tmp"  # the one folder that a tool can write to: fresh, small, gone afterwards
RUNNER = "/run/memgpt-tool.py"
_RUNNER_FILE = Path(__file__).with_name("_sandbox_runner.py")
_PROBE_SECONDS = 20
_NETWORK_FILES = ("resolv.conf", "hosts", "nsswitch.conf", "ssl", "ca-certificates")
# The user ids that systemd gives to services for the time they run: nobody has them otherwise.
_SPARE_USERS = (61184, 65519)
# The kernel runs out of memory on the tool's account first, not on the server's.
_FIRST_TO_GO = '{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null; exec "$@"'


def python_executable() -> str:
    """The interpreter itself, also where this one runs in a virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def user_inside() -> int | None:
    """Where this process is root: the user that the tool becomes inside. Otherwise None.

    Root is exempt from the limit on processes, even where a user namespace gives it another name.
    """
    return random.randint(*_SPARE_USERS) if os.geteuid() == 0 else None


def _system() -> Iterator[str]:
    """/usr, and what the root folder has beside it that leads there."""
    yield from ("--ro-bind", "/usr", "/usr")
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        path = Path("/", name)
        if path.is_symlink():
            yield from ("--symlink", os.readlink(path), str(path))
        elif path.is_dir():
            yield from ("--ro-bind", str(path), str(path))
    for path in ("/etc", str(Path(RUNNER).parent)):  # bubblewrap, too, would close them to others
        yield from ("--perms", "0755", "--dir", path)
    for name in ("ld.so.cache", "alternatives"):
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")


def _python_folders() -> list[str]:
    """What Python needs of its prefix; there may be more below it, in a home folder for one."""
    prefix = os.path.realpath(sys.base_prefix)
    folders = [Path(prefix, name) for name in ("bin", "lib", "lib64")]
    kept = [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]
    return [str(folder) for folder in (*kept, Path(python_executable()).parent)]


def _folder(path: str) -> Iterator[str]:
    """A folder under the name it has outside; those above it are empty but for it."""
    for parent in reversed(Path(path).parents[:-1]):
        yield from ("--perms", "0755", "--dir", str(parent))
    yield from ("--ro-bind", path, path)


def _privileges() -> Iterator[str]:
    yield from ("--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try")
    if os.geteuid() == 0:
        # To become the user inside, after which they are gone.
        yield from ("--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID")
    else:
        yield from ("--unshare-user", "--uid", "65534", "--gid", "65534")


def arguments(
    *, disk: int, packages: Iterable[str], allow_network: bool, filter_fd: int, runner_fd: int
) -> list[str]:
    """What stands before the program to run. The environment is empty, the network is not there.

    Args:
        disk: bytes of the folder that can be written.
        packages: folders that are shown, to be read only.
        allow_network: the network of this machine, its loopback included.
        filter_fd: where the program of the system call filter is read from.
        runner_fd: where the file of the runner is read from.
    """
    own = [*_privileges(), "--die-with-parent", "--new-session", "--clearenv", *_system()]
    own += ["--dev", "/dev", "--perms", "1777", "--size", str(disk), "--tmpfs", WORK]
    for path in sorted({*_python_folders(), *packages}):
        if not path.startswith("/usr/"):
            own += _folder(path)
    if allow_network:
        for name in _NETWORK_FILES:
            own += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    else:
        own.append("--unshare-net")
    own += ["--perms", "0444", "--ro-bind-data", str(runner_fd), RUNNER]
    # Folders in memory, too, which no limit would hold.
    own += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK]
    return [*own, "--seccomp", str(filter_fd)]


def launcher() -> list[str]:
    """What stands before the arguments.

    Raises:
        ConfigError: where bubblewrap is not installed.
    """
    path = shutil.which("bwrap")
    if path is None:
        raise ConfigError(
            "tools from source run in a sandbox only, and bubblewrap is missing: install it "
            "(apt install bubblewrap)"
        )
    return ["/bin/sh", "-c", _FIRST_TO_GO, "sh", path]


def data_fd(data: bytes) -> int:
    """A descriptor that the data can be read from."""
    descriptor = os.memfd_create("memgpt-tool")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


@functools.lru_cache(maxsize=1)
def runner_code() -> bytes:
    return _RUNNER_FILE.read_bytes()


@functools.lru_cache(maxsize=1)
def _works(path: str) -> bool:
    """True; what fails is not remembered, for it can be mended while the server runs."""
    filter_fd, runner_fd = data_fd(_sandbox_filter.program()), data_fd(b"")
    try:
        own = arguments(
            disk=2**20, packages=(), allow_network=False, filter_fd=filter_fd, runner_fd=runner_fd
        )
        done = subprocess.run(
            [path, *own, "/bin/sh", "-c", "exit 0"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            pass_fds=(filter_fd, runner_fd),
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError("tools from source do not run: bubblewrap does not answer") from error
    finally:
        os.close(filter_fd)
        os.close(runner_fd)
    if done.returncode != 0:
        raise refused(done.stderr.decode("utf-8", "replace"))
    return True


def refused(words: str) -> ConfigError:
    """The error where bubblewrap is there and cannot make a sandbox."""
    return ConfigError(
        f"tools from source run in a sandbox only, and there is none: {words.strip()[:500]}. "
        "Bubblewrap 0.8 or newer is needed, and the right to make namespaces: allow unprivileged "
        "user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
        "user.max_user_namespaces > 0, kernel.apparmor_restrict_unprivileged_userns=0), and in a "
        "container a security profile that lets them through"
    )


def require_sandbox() -> None:
    """Make sure, by making one, that there is a sandbox.

    Raises:
        ConfigError: where there is none; the text says what to install or to allow.
    """
    _works(launcher()[-1])
