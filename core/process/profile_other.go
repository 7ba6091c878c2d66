// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

import (
	"errors"
	"os"
)

// sandboxes tells whether this system has any.
const sandboxes = false

// leastPipe is what every system's pipe takes without a reader.
const leastPipe = 4 << 10

// profileFile holds a profile in a pipe; without a sandbox it is small.
func profileFile(text []byte) (*os.File, error) {
	if len(text) > leastPipe {
		return nil, errors.New("it is too large")
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	return r, errors.Join(err, w.Close())
}
