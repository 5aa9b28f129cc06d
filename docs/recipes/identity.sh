#!/bin/sh
# Prints the identity stamp of a process: identity.sh <pid>
# Fails when the process is gone or cannot be told: store NULL then.
set -efu

stat=$(cat "/proc/$1/stat")
boot_id=$(cat /proc/sys/kernel/random/boot_id)
pid_namespace=$(readlink "/proc/$$/ns/pid") # pid:[4026531836]
pid_namespace=${pid_namespace##*\[}
pid_namespace=${pid_namespace%\]}
# Empty where there is none, as in most container images.
machine_id=$(grep -xE '[0-9a-f]{32}' /etc/machine-id 2>/dev/null || true)

# The command name may hold spaces and parentheses: count fields after the LAST one.
set -- ${stat##*)}
printf 'linux:%s:%s:%s:%s\n' "$machine_id" "$boot_id" "$pid_namespace" "${20}"
