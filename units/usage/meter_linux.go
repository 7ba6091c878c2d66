// SPDX-License-Identifier: Apache-2.0

package usage

import (
	"bytes"
	"os"
	"strconv"
)

// stateOf reads the state of a process, as proc_pid_stat(5) tells it after the name.
func stateOf(pid int) byte {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	if shut := bytes.LastIndexByte(data, ')'); shut >= 0 && shut+2 < len(data) {
		return data[shut+2]
	}
	return 0
}

// ownMemory is the resident memory of this process.
func ownMemory() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
