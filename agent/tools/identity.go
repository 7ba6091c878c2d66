// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"holdfast"
)

// identity is a fingerprint of what decides what a server offers, as far as it can be known without
// starting it: its declaration, of its variables only the names, and the files that it names. What else
// changes is noticed when it starts.
func identity(decl holdfast.ToolServer, host string) (string, error) {
	declared := struct {
		Name, Dir, Python, Host string
		Run, Modules            []string
		Variables, Secrets      []string
		Limits                  holdfast.Limits
		Sandbox                 *holdfast.Sandbox
		Files                   []string
	}{
		Name: decl.Name, Dir: decl.Dir, Python: decl.Python, Run: decl.Run, Modules: decl.Modules,
		Variables: slices.Sorted(maps.Keys(decl.Env)), Secrets: decl.Secrets, Limits: decl.Limits, Sandbox: decl.Sandbox,
	}
	if len(decl.Run) == 0 {
		declared.Host = host // named by its content
	}
	for _, path := range slices.Concat(decl.Modules, decl.Run) {
		if !filepath.IsAbs(path) {
			path = filepath.Join(decl.Dir, path)
		}
		declared.Files = append(declared.Files, fingerprint(path))
	}
	raw, err := json.Marshal(declared)
	if err != nil {
		return "", fmt.Errorf("cannot tell what the tool server %s is: %w", decl.Name, err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// maxHashed bounds the file whose content is read; a larger one is a program, known by its size and time.
const maxHashed = 1 << 20

// fingerprint tells an ordinary file's content apart from others; empty for what is none.
func fingerprint(path string) string {
	// Without O_NONBLOCK a pipe in the file's place would keep the house waiting.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		return "unreadable"
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return ""
	}
	if info.Size() > maxHashed {
		return fmt.Sprintf("%d bytes of %d", info.Size(), info.ModTime().UnixNano())
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, io.LimitReader(f, maxHashed)); err != nil {
		return "unreadable"
	}
	return hex.EncodeToString(sum.Sum(nil))
}
