#!/usr/bin/env python3
"""Prints the token of this process, for trying it out: token.py. With the values of docs/tokens.md: token.py <boot id> <pid namespace> <pid> <ticks>"""
import base64
import hashlib
import os
import re
import struct
import sys

_known = (None, None)


def process_token():
    """The token of this process, or None when it cannot be told. A forked child gets its own."""
    global _known
    if _known[0] != os.getpid():
        try:
            _known = (os.getpid(), read_token())
        except (OSError, ValueError, TypeError):
            _known = (os.getpid(), None)
    return _known[1]


def read_token():
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot_id = file.read().strip()
    pid_namespace = int(re.fullmatch(r"pid:\[(\d+)\]", os.readlink("/proc/self/ns/pid"))[1])
    with open("/proc/self/status") as status:
        # The last of these pids is the one that this process has in its own pid namespace.
        pid = int(re.search(r"^NSpid:.*?(\d+)\s*$", status.read(), re.MULTILINE)[1])
    with open("/proc/self/stat", "rb") as stat:
        # The command name may hold spaces and parentheses: count fields after the LAST one.
        ticks = int(stat.read().rpartition(b")")[2].split()[19]) - boot_offset()
    if not 0 <= ticks <= 10**12:
        raise ValueError(f"no process starts at tick {ticks}")
    return encode_token(boot_id, pid_namespace, pid, ticks)


def encode_token(boot_id, pid_namespace, pid, ticks):
    data = hashlib.sha256(boot_id.encode()).digest()[:8]
    data += struct.pack(">II", pid_namespace, pid) + ticks.to_bytes(6, "big")
    data += hashlib.sha256(data).digest()[:2]
    return "jr1." + base64.urlsafe_b64encode(data).decode()


def boot_offset():
    """Ticks by which this process's time namespace shifts the starts that it reads."""
    try:
        own = os.readlink("/proc/self/ns/time")
    except FileNotFoundError:
        return 0  # a kernel without time namespaces
    if own != os.readlink("/proc/self/ns/time_for_children"):
        raise OSError("the offset at hand is that of the children")
    with open("/proc/self/timens_offsets") as file:
        for clock, seconds, nanoseconds in map(str.split, file):
            if clock in ("boottime", "7"):
                return int(seconds) * 100 + int(nanoseconds) // 10**7
    raise OSError("no offset of boottime")


if __name__ == "__main__":
    if len(sys.argv) == 5:
        print(encode_token(sys.argv[1], *map(int, sys.argv[2:])))
    else:
        print(process_token() or sys.exit(1))
