#!/usr/bin/env python3
"""Prints the identity stamp of a process: identity.py <pid>"""
import os
import re
import sys


def process_identity(pid):
    """The stamp, or None when the process is gone or cannot be told: store NULL then."""
    try:
        # After "unshare --pid" without a mount of its own, /proc shows other processes than ours.
        if os.readlink("/proc/self") != str(os.getpid()):
            return None
        with open(f"/proc/{pid}/stat", "rb") as stat:
            # The command name may hold spaces and parentheses: count fields after the LAST one.
            start_ticks = int(stat.read().rpartition(b")")[2].split()[19]) - boot_offset()
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot_id = file.read().strip()
        pid_namespace = re.fullmatch(r"pid:\[(\d+)\]", os.readlink("/proc/self/ns/pid"))[1]
    except OSError:
        return None
    if not 0 <= start_ticks <= 10**12:
        return None
    return f"linux:{machine_id()}:{boot_id}:{pid_namespace}:{start_ticks}"


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


def machine_id():
    """Empty where there is none, as in most container images."""
    try:
        with open("/etc/machine-id") as file:
            text = file.read().strip()
    except OSError:
        return ""
    return text if re.fullmatch("[0-9a-f]{32}", text) else ""


if __name__ == "__main__":
    stamp = process_identity(int(sys.argv[1]))
    if stamp is None:
        sys.exit(1)
    print(stamp)
