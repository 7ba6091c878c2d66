// SPDX-License-Identifier: Apache-2.0

//go:build linux

package outside

import (
	"compress/gzip"
	"io"
	"os"
	"strings"
)

// Log reads a log file, packed or not.
func Log(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if !strings.HasSuffix(file, ".gz") {
		return io.ReadAll(f)
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
