#!/bin/sh
# Prints the identity stamp of a process on macOS: identity-macos.sh <pid>
# Fails when the process is gone: store NULL then.
set -eu

start=$(LC_ALL=C TZ=UTC ps -o lstart= -p "$1" | sed 's/^ *//; s/ *$//')
[ -n "$start" ]
printf 'ps:%s:%s\n' "$(uname -n)" "$start"
