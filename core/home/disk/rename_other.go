// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package disk

import "os"

func renameNoReplace(from, to string) error { return os.Rename(from, to) }
