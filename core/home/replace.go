// SPDX-License-Identifier: Apache-2.0

package home

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace puts a value at path as JSON, whole or not at all, without a sync: for files that say how
// things are now, of which nothing is so after a power loss. What must last is for WriteFile.
func Replace(path string, value any, mode fs.FileMode) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+".new")
	if err = os.WriteFile(tmp, append(data, '\n'), mode); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp) // it may not be there
		return fmt.Errorf("cannot write %s: %w", filepath.Base(path), err)
	}
	return nil
}
