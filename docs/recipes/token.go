// Prints the token of this process, for trying it out: go run token.go
// With the values of docs/tokens.md: go run token.go <boot id> <pid namespace> <pid> <ticks>
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// ProcessToken returns the token of this process, or an error when it cannot be told: use any other name then.
var ProcessToken = sync.OnceValues(readToken)

// The last of these pids is the one that this process has in its own pid namespace.
var lastPid = regexp.MustCompile(`(?m)^NSpid:.*?(\d+)\s*$`)

func readToken() (string, error) {
	bootID, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	link, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", err
	}
	namespace, err := strconv.ParseUint(strings.Trim(link, "pid:[]"), 10, 32)
	if err != nil {
		return "", err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	found := lastPid.FindSubmatch(status)
	if found == nil {
		return "", errors.New("no NSpid in /proc/self/status")
	}
	pid, err := strconv.ParseUint(string(found[1]), 10, 32)
	if err != nil {
		return "", err
	}
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return "", err
	}
	// The command name may hold spaces and parentheses: count fields after the LAST one.
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 20 {
		return "", errors.New("unexpected /proc/self/stat")
	}
	ticks, err := strconv.ParseInt(string(fields[19]), 10, 64)
	if err != nil {
		return "", err
	}
	offset, err := bootOffset()
	if err != nil {
		return "", err
	}
	ticks -= offset
	if ticks < 0 || ticks > 1e12 {
		return "", fmt.Errorf("no process starts at tick %d", ticks)
	}
	return encodeToken(string(bytes.TrimSpace(bootID)), uint32(namespace), uint32(pid), uint64(ticks)), nil
}

func encodeToken(bootID string, pidNamespace, pid uint32, ticks uint64) string {
	boot := sha256.Sum256([]byte(bootID))
	data := append([]byte{}, boot[:8]...)
	data = binary.BigEndian.AppendUint32(data, pidNamespace)
	data = binary.BigEndian.AppendUint32(data, pid)
	data = append(data, binary.BigEndian.AppendUint64(nil, ticks)[2:]...)
	check := sha256.Sum256(data)
	return "jr1." + base64.RawURLEncoding.EncodeToString(append(data, check[:2]...))
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

func main() {
	token, err := ProcessToken()
	if len(os.Args) == 5 {
		var numbers [3]uint64
		for i := range numbers {
			if numbers[i], err = strconv.ParseUint(os.Args[i+2], 10, 64); err != nil {
				break
			}
		}
		token = encodeToken(os.Args[1], uint32(numbers[0]), uint32(numbers[1]), numbers[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(token)
}
