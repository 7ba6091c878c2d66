// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"os"
	"testing"

	"holdfast/core/home"
)

// TestOwnLogsAreBounded begins a large log anew.
func TestOwnLogsAreBounded(t *testing.T) {
	h := home.At(t.TempDir())
	if err := os.MkdirAll(logsDir(h), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Var("logs", "house.log"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(h.Var("logs", "house.log"), ownMost+1); err != nil {
		t.Fatal(err)
	}
	file, err := OpenOwn(h, "house")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	info, err := os.Stat(h.Var("logs", "house.log.1"))
	if now, _ := file.Stat(); err != nil || info.Size() != ownMost+1 || now.Size() != 0 {
		t.Errorf("%v", err)
	}
}
