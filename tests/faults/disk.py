"""Disks that are full and files that cannot be written, made from outside of the process."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[bool]:
    """A file system of its own on `folder`; False where this machine does not let us mount one."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except FileNotFoundError:
        mounted = False
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Not a byte is free."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            with suppress(OSError):
                while True:
                    file.write(b"x" * size)
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def no_file_may_grow(pids: list[int]) -> Iterator[None]:
    """A full disk for those who may not mount one: what these processes write beyond the first
    64 kB of a file fails."""
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (2**16, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@contextmanager
def immutable(*paths: Path) -> Iterator[None]:
    """Files that not even root can write, nor through a descriptor that is open already: that is
    what a file system does that went read-only. (A real one refuses to, while files are open.)"""
    existing = [str(path) for path in paths if path.exists()]
    try:
        subprocess.run(["chattr", "+i", *existing], check=True, capture_output=True)
        yield
    finally:
        subprocess.run(["chattr", "-i", *existing], capture_output=True)


def needs_immutable(folder: Path) -> None:
    """Skip where chattr is not allowed, or is not heeded."""
    probe = folder / "probe"
    reason = "chattr +i is not heeded here (it takes root and ext4, xfs or btrfs)"
    with probe.open("wb", buffering=0) as file:
        try:
            with immutable(probe):
                file.write(b"x")
        except (subprocess.CalledProcessError, FileNotFoundError):
            pytest.skip(reason)
        except OSError as error:
            assert error.errno == errno.EPERM
            return
        finally:
            os.unlink(probe)
    pytest.skip(reason)
