// SPDX-License-Identifier: Apache-2.0

package confine

import (
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// fewerFiles says how many open files may be asked for here, and what would allow more.
func fewerFiles(asked uint64) string {
	var have unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &have) == nil && have.Max < asked && os.Geteuid() != 0 {
		return fmt.Sprintf("the hard limit is %d here: ask for no more, or raise it where the house is started (LimitNOFILE=%d in its service file, ulimit -Hn), or run the house as root", have.Max, asked)
	}
	if most, err := os.ReadFile("/proc/sys/fs/nr_open"); err == nil && os.Geteuid() == 0 {
		return fmt.Sprintf("this kernel allows %s (sysctl fs.nr_open), and a container may allow less: ask for no more", strings.TrimSpace(string(most)))
	}
	return ""
}

// lessPriority says down to which priority one may ask here, and what would allow more.
func lessPriority(asked int) string {
	least, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if err != nil {
		return ""
	}
	least = 20 - least // the system call adds so much
	var have unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NICE, &have) == nil && have.Max <= 40 {
		least = min(least, 20-int(have.Max))
	}
	return fmt.Sprintf("nothing below %d is allowed here: ask for no less, or allow it where the house is started (LimitNICE=%d in its service file), or run the house as root", least, asked)
}
