// Prints the identity stamp of a process: go run identity.go <pid>
package main

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

var machineIDPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

// ProcessIdentity returns the stamp, or an error when the process is gone or cannot be told: store NULL then.
func ProcessIdentity(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The command name may hold spaces and parentheses: count fields after the LAST one.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return "", fmt.Errorf("unexpected stat of pid %d", pid)
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
	return fmt.Sprintf("linux:%s:%s:%s:%s", machineID(), bytes.TrimSpace(bootID), namespace, fields[19]), nil
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
