#!/bin/sh
# Prints the identity stamp of a process: identity.sh <pid>
# Fails when the process is gone or cannot be told: store NULL then.
set -efu

# One number: after "unshare --pid" without a mount of its own, /proc shows other processes than ours.
grep -qE '^NSpid:[[:blank:]]+[0-9]+$' /proc/self/status
stat=$(cat "/proc/$1/stat")
boot_id=$(cat /proc/sys/kernel/random/boot_id)
pid_namespace=$(readlink /proc/self/ns/pid) # pid:[4026531836]
pid_namespace=${pid_namespace##*\[}
pid_namespace=${pid_namespace%\]}
# Empty where there is none, as in most container images.
machine_id=$(grep -xE '[0-9a-f]{32}' /etc/machine-id 2>/dev/null || true)

# The command name may hold spaces and parentheses: count fields after the LAST one.
set -- ${stat##*)}
start=${20}
# What the time namespace adds to the starts that this script's commands read; a kernel without them has no such file.
if [ -e /proc/self/timens_offsets ]; then
  set -- $(grep -E '^(boottime|7)[[:blank:]]' /proc/self/timens_offsets)
  start=$((start - $2 * 100 - $3 / 10000000))
fi
[ "$start" -ge 0 ] && [ "$start" -le 1000000000000 ]
printf 'linux:%s:%s:%s:%s\n' "$machine_id" "$boot_id" "$pid_namespace" "$start"
