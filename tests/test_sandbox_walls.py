"""What a tool cannot reach: files, secrets, network, processes, the kernel's back doors."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path

import memgpt
import pytest
from memgpt import _sandbox_command

from tests.sandbox_calls import RUNNER, Run, call, everyone, left, wait_until


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    yield
    assert left() == []


HIDDEN = """
    import os
    def f(paths):
        found = []
        for path in paths:
            try:
                found.append(str(os.listdir(path)) if path.endswith("/") else open(path).read())
            except OSError as error:
                found.append(type(error).__name__)
        return found
"""


@everyone
def test_neither_users_nor_the_database_can_be_read(run: Run, tmp_path: Path) -> None:
    with memgpt.open(tmp_path / "agents.db") as home:
        home.create_agent("sam")
    paths = ["/etc/passwd", "/etc/shadow", str(tmp_path / "agents.db"), __file__]
    paths += ["/proc/self/environ", "/proc/1/root/etc/passwd", "/dev/mem", "/sys/", "/var/"]
    assert all(Path(path).exists() for path in paths[:4])
    assert run(HIDDEN, {"paths": paths}).value == str(["FileNotFoundError"] * len(paths))


@everyone
def test_home_folders_are_empty_but_for_python(run: Run) -> None:
    source = """
        import os
        def f(home):
            names = os.listdir(home) if os.path.exists(home) else []
            return [os.path.join(home, name) for name in names]
    """
    home = str(Path.home())
    shown = literal_eval(run(source, {"home": home}).value)
    assert all(sys.base_prefix.startswith(path) for path in shown), shown


@everyone
def test_the_servers_secrets_are_not_in_the_environment(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    source = """
        import os, sys
        def f():
            paths = [f"/proc/{pid}/environ" for pid in range(1, 40)]
            found = [open(path).read() for path in paths if os.path.exists(path)]
            return {**os.environ, "found": found, "argv": sys.argv}
    """
    result = run(source)
    assert result.status == "success" and "secret" not in result.value
    assert result.value.startswith('{"found": [], "argv"')


def test_variables_of_a_tool_are_on_no_command_line() -> None:
    source = "import time\ndef f(): time.sleep(0.5)"
    options = {"environment": {"TOKEN": "tok-secret"}}
    thread = threading.Thread(target=call, args=[source], kwargs=options)
    thread.start()
    seen: list[str] = []
    while thread.is_alive():
        seen += left()
        time.sleep(0.02)
    assert seen and not any("secret" in words for words in seen)


SOCKETS = """
    import socket
    def f(port):
        found = []
        for family, kind, address in [
            (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)),
            (socket.AF_INET, socket.SOCK_STREAM, ("192.0.2.1", 80)),
            (socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)),
            (socket.AF_UNIX, socket.SOCK_STREAM, "\\0memgpt-test"),
        ]:
            try:
                with socket.socket(family, kind) as one:
                    one.settimeout(0.2)
                    one.connect(address)
                    found.append("connected")
            except OSError as error:
                found.append(type(error).__name__ + str(error.errno))
        return found
"""


@everyone
def test_there_is_no_network_unless_it_is_allowed(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind("\0memgpt-test")
        local.listen()
        port = {"port": server.getsockname()[1]}
        refused, unreachable = "ConnectionRefusedError111", "OSError101"
        alone = literal_eval(run(SOCKETS, port).value)
        assert alone == [refused, unreachable, unreachable, refused]
        allowed = literal_eval(run(SOCKETS, port, allow_network=True).value)
        assert allowed[0] == allowed[3] == "connected"


@everyone
def test_nothing_else_can_be_written(run: Run) -> None:
    source = """
        import os, sys
        def f(paths):
            found = []
            for path in [*paths, os.__file__, sys.argv[0]]:
                try:
                    open(path, "a")
                    found.append(path)
                except OSError as error:
                    assert error.errno in (1, 2, 13, 30), error
            return found
    """
    folders = ["/", "/usr", "/usr/lib", "/etc", "/dev", "/dev/shm", "/run", "/root", "/home"]
    paths = [f"{folder}/memgpt-test" for folder in (*folders, sys.base_prefix)]
    paths += [memgpt.__file__, _sandbox_command.__file__, "/dev/sda", "/dev/vda"]
    assert run(source, {"paths": paths}).value == "[]"
    assert not Path("/dev/shm/memgpt-test").exists()


def test_prints_cannot_pose_as_the_result() -> None:
    source = "def f():\n    print('0' * 32, 'success', 4)\n    print('lies')\n    return 'truth'"
    result = call(source)
    assert result.value == "truth" and "lies" in result.stdout[0]


@everyone
def test_a_tool_cannot_kill_who_runs_it(run: Run) -> None:
    source = """
        import os, signal
        def f(pids):
            for pid in [os.getppid(), *pids, 1, -1]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            return os.getppid()
    """
    pids = [os.getpid(), os.getppid(), -os.getpgid(0)]
    assert run(source, {"pids": pids}).value == "1"


@everyone
def test_system_calls_that_evade_limits_are_refused(run: Run) -> None:
    source = """
        import ctypes, os, socket
        libc = ctypes.CDLL(None, use_errno=True)
        def errno_of(function, *args):
            return ctypes.get_errno() if function(*args) == -1 else 0
        clone = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
        def f():
            try:
                socket.socket(40, socket.SOCK_STREAM)  # AF_VSOCK: no network namespace holds it
                vsock = 0
            except OSError as error:
                vsock = error.errno
            return [
                vsock,
                errno_of(libc.memfd_create, b"x", 0),
                errno_of(libc.shmget, 0, 4096, 0o1600),
                errno_of(libc.unshare, 0x10000000),
                errno_of(libc.ptrace, 0, 0, 0, 0),
                errno_of(libc.syscall, clone, 0x10000011, 0, 0, 0, 0),
                errno_of(libc.mount, b"a", b"/tmp", b"tmpfs", 0, None),
                errno_of(libc.setuid, 0),
            ]
    """
    *errors, root_again = literal_eval(run(source).value)
    assert errors == [errno.EAFNOSUPPORT, *[errno.EPERM] * 6]
    assert root_again in (errno.EPERM, errno.EINVAL)  # EINVAL where there is no such user inside


@everyone
def test_new_namespaces_cannot_be_made(run: Run) -> None:
    source = """
        import subprocess
        def f():
            done = [subprocess.run(["unshare", f"-{kind}", "true"]).returncode for kind in "Umnp"]
            return all(done)
    """
    assert run(source).value == "True"


@everyone
def test_no_descriptors_of_the_server_get_inside(run: Run) -> None:
    source = """
        import os, stat
        def f():
            found = []
            for fd in range(1024):
                try:
                    found.append(stat.S_IFMT(os.fstat(fd).st_mode))
                except OSError:
                    continue
            return found
    """
    # Nothing to read, output, errors and the result's pipe.
    expected = [stat.S_IFCHR, stat.S_IFIFO, stat.S_IFIFO, stat.S_IFIFO]
    assert literal_eval(run(source).value) == expected


def test_a_sandbox_ends_with_its_server() -> None:
    script = "from memgpt import _sandbox_command\nfrom memgpt._sandbox import run_source\n"
    script += f"_sandbox_command.RUNNER = {RUNNER!r}\n"
    script += "run_source('import time\\ndef f(): time.sleep(1000)', 'f', {})"
    paths = os.pathsep.join(filter(None, sys.path))
    server = subprocess.Popen(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": paths}
    )
    try:
        wait_until(lambda: len(left()) >= 3)
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    wait_until(lambda: left() == [])
