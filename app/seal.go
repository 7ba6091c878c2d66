// SPDX-License-Identifier: Apache-2.0

package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"holdfast/core/home"
)

// seal returns the home's key for the tokens of inventories, and makes it at first use. It only
// has to outlive the ten minutes between an inventory and its confirmation.
func seal(h home.Home) ([]byte, error) {
	path := h.Var("run", "seal.key")
	key, err := os.ReadFile(path)
	if err == nil && len(key) == 32 {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot read the seal: %w", err)
	}
	key = make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return key, home.WriteFile(path, key, 0o600)
}
