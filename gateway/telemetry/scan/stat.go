// SPDX-License-Identifier: Apache-2.0

package scan

import "errors"

// A stamp tells one state of a file from another.
type stamp struct {
	Device  uint64 `json:"device,omitempty"`
	Inode   uint64 `json:"inode,omitempty"`
	Size    int64  `json:"size"`
	Written int64  `json:"written"`           // nanoseconds
	Changed int64  `json:"changed,omitempty"` // of the inode
	folder  bool
}

var errNoFile = errors.New("neither a file nor a folder")
