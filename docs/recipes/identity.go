// Prints the identity stamp of a process: go run identity.go <pid>
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var machineIDPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ProcessIdentity returns the stamp, or an error when the process is gone or cannot be told: store NULL then.
func ProcessIdentity(pid int) (string, error) {
	// After "unshare --pid" without a mount of its own, /proc shows other processes than ours.
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return "", fmt.Errorf("/proc shows another pid namespace: %w", errors.Join(err, os.ErrInvalid))
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The command name may hold spaces and parentheses: count fields after the LAST one.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("unexpected stat of pid %d", pid)
	}
	startTicks, err := strconv.ParseInt(string(fields[19]), 10, 64)
	if err != nil {
		return "", err
	}
	offset, err := bootOffset()
	if err != nil {
		return "", err
	}
	startTicks -= offset
	if startTicks < 0 || startTicks > 1e12 {
		return "", fmt.Errorf("no process starts at tick %d", startTicks)
	}
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", err
	}
	namespace := strings.TrimSuffix(strings.TrimPrefix(link, "pid:["), "]")
	return fmt.Sprintf("linux:%s:%s:%s:%d", machineID(), bytes.TrimSpace(bootID), namespace, startTicks), nil
}

// bootOffset is the number of ticks by which this process's time namespace shifts the starts that it reads.
func bootOffset() (int64, error) {
	own, err := os.Readlink("/proc/self/ns/time")
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil // a kernel without time namespaces
	}
	if children, err := os.Readlink("/proc/self/ns/time_for_children"); err != nil || own != children {
		return 0, errors.Join(err, errors.New("the offset at hand is that of the children"))
	}
	text, err := os.ReadFile("/proc/self/timens_offsets")
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(text), "\n") {
		var clock string
		var seconds, nanoseconds int64
		if _, err := fmt.Sscan(line, &clock, &seconds, &nanoseconds); err == nil && (clock == "boottime" || clock == "7") {
			return seconds*100 + nanoseconds/1e7, nil
		}
	}
	return 0, errors.New("no offset of boottime")
}

// machineID is empty where there is none, as in most container images.
func machineID() string {
	text, err := os.ReadFile("/etc/machine-id")
	id := strings.TrimSpace(string(text))
	if err != nil || !machineIDPattern.MatchString(id) {
		return ""
	}
	return id
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: identity <pid>")
		os.Exit(2)
	}
	pid, err := strconv.Atoi(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	stamp, err := ProcessIdentity(pid)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(stamp)
}
