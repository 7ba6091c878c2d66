// SPDX-License-Identifier: Apache-2.0

// Package host is the program in Python that serves the modules of extensions and the agents of the
// home over MCP: its files, and how they are laid down for those who start it (agent/tools does;
// agent/upstream starts it). No part of it runs in the house. It guarantees that nothing that a module
// does to its own process, or writes, reaches the house or another call.
package host

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"holdfast/core/home"
)

//go:embed *.py
var files embed.FS

// Install writes the Python host under a name that tells its content, so that a house of
// another version beside this one keeps its own.
func Install(run string) (string, error) {
	names, err := fs.Glob(files, "*.py")
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	content := map[string][]byte{}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return "", fmt.Errorf("cannot read the Python host: %w", err)
		}
		content[name] = data
		_, _ = fmt.Fprintf(sum, "%s %d\n%s", name, len(data), data)
	}
	folder := filepath.Join(run, "python-host-"+hex.EncodeToString(sum.Sum(nil)[:6]))
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("cannot make the folder of the Python host: %w", err)
	}
	for name, data := range content {
		path := filepath.Join(folder, name)
		if have, err := os.ReadFile(path); err == nil && string(have) == string(data) {
			continue
		}
		if err := home.WriteFile(path, data, 0o600); err != nil {
			return "", fmt.Errorf("cannot write the Python host: %w", err)
		}
	}
	return folder, nil
}
