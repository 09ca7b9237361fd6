"""The system calls that a tool may not make: a seccomp program for bubblewrap.

Denied is what the limits of a run do not count (memory of files without a name, of the kernel's
own queues and keys), what reaches out of namespaces, and what has no use but attack. Everything
else is allowed: namespaces, limits and file system do the rest.
"""

from __future__ import annotations

import platform
import struct
from dataclasses import dataclass

from memgpt.errors import ConfigError

_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_SET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _ENOSYS, _EAFNOSUPPORT = 1, 38, 97
_X32 = 0x40000000  # system calls of another ABI of x86-64, with numbers of their own
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEWUSER and its kin
_FAMILIES = (1, 2, 10)  # unix, inet, inet6; others, like vsock, belong to no network namespace


@dataclass(frozen=True)
class _Calls:
    """Numbers of system calls on one kind of processor."""

    architecture: int
    clone: int
    socket: int
    denied: tuple[int, ...]


# memfd_create, shmget, shmat, msgget, semget, mq_open, userfaultfd, add_key, request_key, keyctl,
# bpf, perf_event_open, ptrace, process_vm_readv, process_vm_writev, unshare, setns, mount, umount2,
# pivot_root, open_by_handle_at
_X86_64 = _Calls(
    0xC000003E, 56, 41,
    (319, 29, 30, 68, 64, 240, 323, 248, 249, 250,
     321, 298, 101, 310, 311, 272, 308, 165, 166, 155, 304),
)  # fmt: skip
_AARCH64 = _Calls(
    0xC00000B7, 220, 198,
    (279, 194, 196, 186, 190, 180, 282, 217, 218, 219,
     280, 241, 117, 270, 271, 97, 268, 40, 39, 41, 265),
)  # fmt: skip
# The same everywhere: io_uring_*, open_tree, move_mount, fsopen, fsconfig, fsmount, mount_setattr,
# memfd_secret.
_DENIED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 442, 447)
_CLONE3 = 435
_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _deny(number: int, error: int) -> bytes:
    return _step(_JUMP_EQUAL, number, 0, 1) + _step(_RETURN, _ERROR | error)


def program(machine: str = "") -> bytes:
    """The filter, in the form that ``bwrap --seccomp`` reads.

    Args:
        machine: as ``uname -m`` names it; by default this one.

    Raises:
        ConfigError: for a processor whose system calls are not known here.
    """
    machine = machine or platform.machine()
    calls = _MACHINES.get(machine)
    if calls is None:
        raise ConfigError(
            f"tools from source do not run on {machine}: the sandbox knows "
            f"{' and '.join(_MACHINES)} only"
        )
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_JUMP_EQUAL, calls.architecture, 1, 0),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        steps += [_step(_JUMP_AT_LEAST, _X32, 0, 1), _step(_RETURN, _ERROR | _ENOSYS)]
    steps += [_deny(number, _EPERM) for number in (*calls.denied, *_DENIED_EVERYWHERE)]
    # Its flags are out of a filter's reach; the C library then falls back to clone().
    steps.append(_deny(_CLONE3, _ENOSYS))
    steps += [
        _step(_JUMP_EQUAL, calls.clone, 0, 4),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_JUMP_SET, _NEW_NAMESPACES, 0, 1),
        _step(_RETURN, _ERROR | _EPERM),
        _step(_RETURN, _ALLOW),
        _step(_JUMP_EQUAL, calls.socket, 0, 2 + 2 * len(_FAMILIES)),
        _step(_LOAD, _FIRST_ARGUMENT),
    ]
    for family in _FAMILIES:
        steps += [_step(_JUMP_EQUAL, family, 0, 1), _step(_RETURN, _ALLOW)]
    steps += [_step(_RETURN, _ERROR | _EAFNOSUPPORT), _step(_RETURN, _ALLOW)]
    return b"".join(steps)
