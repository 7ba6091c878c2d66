// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"holdfast"
	"holdfast/holdfasttest"
)

// destroyers proves, for each destroying action, that what each category lists is gone afterwards
// and comes back as the category declares. A destroying action without an entry fails the test.
var destroyers = map[string]func(t *testing.T, h *holdfasttest.House) holdfast.Inventory{
	"extension.delete":  deleteExtension,
	"key.revoke":        revokeKey,
	"service.uninstall": uninstallService,
	"trash.empty":       emptyTrash,
	"unit.reap":         reapStray,
}

func TestEveryDestroyingActionComesBackAsDeclared(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{})
	seen := map[string]bool{}
	for _, a := range h.Registry.Actions() {
		if a.Effect != holdfast.EffectDestroy {
			continue
		}
		seen[a.Name] = true
		prove, ok := destroyers[a.Name]
		if !ok {
			t.Errorf("%s destroys and nothing here proves how it comes back", a.Name)
			continue
		}
		t.Run(a.Name, func(t *testing.T) {
			inventory := prove(t, h)
			var listed []string
			for _, k := range inventory.Categories {
				listed = append(listed, k.Name)
			}
			for _, k := range a.Categories {
				if !slices.Contains(listed, k.Name) {
					t.Errorf("the category %s is declared and no case here fills it", k.Name)
				}
			}
		})
	}
	for name := range destroyers {
		if !seen[name] {
			t.Errorf("%s is proved here and is no destroying action", name)
		}
	}
}

// trashed is the id of the newest entry of the trash.
func trashed(t *testing.T, h *holdfasttest.House) string {
	t.Helper()
	var list struct {
		Entries []struct {
			ID string `json:"id"`
		} `json:"entries"`
	}
	raw := h.Do("trash.list", `{}`)
	if err := json.Unmarshal(raw, &list); err != nil || len(list.Entries) == 0 {
		t.Fatalf("the trash is empty: %s %v", raw, err)
	}
	return list.Entries[len(list.Entries)-1].ID
}

func deleteExtension(t *testing.T, h *holdfasttest.House) holdfast.Inventory {
	data := h.Home.Var("extensions", "notes", "kept.txt")
	if err := os.MkdirAll(filepath.Dir(data), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(data, []byte("data"), 0o600); err != nil {
		t.Fatal(err)
	}
	master, err := os.ReadFile(h.Home.MasterFile())
	if err != nil {
		t.Fatal(err)
	}
	before := h.Do("extension.show", `{"name":"notes"}`)
	inventory, _ := h.Destroy("extension.delete", `{"name":"notes"}`)
	for _, gone := range []string{h.Home.Path("extensions", "notes"), data} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", gone)
		}
	}
	if _, err := h.Try(holdfasttest.Operator(), "extension.show", `{"name":"notes"}`, nil); err == nil {
		t.Error("a deleted extension is still shown")
	}
	h.Do("trash.restore", fmt.Sprintf(`{"id":%q}`, trashed(t, h)))
	h.Do("extension.sync", `{}`)
	if text, err := os.ReadFile(data); err != nil || string(text) != "data" {
		t.Errorf("the data did not come back: %q %v", text, err)
	}
	if again, err := os.ReadFile(h.Home.MasterFile()); err != nil || !equalJSON(again, master) {
		t.Errorf("master_config.json did not come back:\n%s\nwas\n%s", again, master)
	}
	for _, field := range []string{"ports", "tools", "mounts"} {
		if after := h.Do("extension.show", `{"name":"notes"}`); member(t, after, field) != member(t, before, field) {
			t.Errorf("%s are %s, were %s", field, member(t, after, field), member(t, before, field))
		}
	}
	return inventory
}

func equalJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, _ := json.Marshal(x)
	q, _ := json.Marshal(y)
	return string(p) == string(q)
}

func member(t *testing.T, raw json.RawMessage, name string) string {
	t.Helper()
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return string(all[name])
}

func revokeKey(t *testing.T, h *holdfasttest.House) holdfast.Inventory {
	var made struct {
		Key string `json:"key"`
	}
	raw := h.Do("key.create", `{"name":"phone"}`)
	if err := json.Unmarshal(raw, &made); err != nil || made.Key == "" {
		t.Fatalf("no key in %s", raw)
	}
	answers := func() int {
		status, _ := h.Ask("GET", apiURL(t, h)+"/v1/models", "", map[string][]string{"Authorization": {"Bearer " + made.Key}})
		return status
	}
	if got := answers(); got != 200 {
		t.Fatalf("a fresh key answers %d", got)
	}
	inventory, _ := h.Destroy("key.revoke", `{"name":"phone"}`)
	if got := answers(); got != 401 {
		t.Errorf("a revoked key answers %d", got)
	}
	h.Do("trash.restore", fmt.Sprintf(`{"id":%q}`, trashed(t, h)))
	if got := answers(); got != 200 {
		t.Errorf("a restored key answers %d", got)
	}
	return inventory
}

func apiURL(t *testing.T, h *holdfasttest.House) string {
	t.Helper()
	var s struct {
		API string `json:"api"`
	}
	if err := json.Unmarshal(h.Do("house.status", `{}`), &s); err != nil {
		t.Fatal(err)
	}
	return s.API
}

func emptyTrash(t *testing.T, h *holdfasttest.House) holdfast.Inventory {
	h.Do("key.create", `{"name":"old"}`)
	h.Destroy("key.revoke", `{"name":"old"}`)
	id := trashed(t, h)
	inventory, _ := h.Destroy("trash.empty", `{}`)
	if _, err := h.Try(holdfasttest.Operator(), "trash.restore", fmt.Sprintf(`{"id":%q}`, id), nil); err == nil {
		t.Error("what was emptied came back, though it declares that it never does")
	}
	if left, _ := filepath.Glob(h.Home.Var("trash", "*", "*")); len(left) > 0 {
		t.Errorf("files are left: %v", left)
	}
	return inventory
}

// uninstallService takes a person's own service away and makes it again.
func uninstallService(t *testing.T, h *holdfasttest.House) holdfast.Inventory {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	const service = `{"service":"systemd","name":"holdfast-trial","user":true}`
	var made struct {
		File string `json:"file"`
	}
	if err := json.Unmarshal(h.Do("service.install", service), &made); err != nil || made.File == "" {
		t.Fatalf("no file was made: %v", err)
	}
	before, err := os.ReadFile(made.File)
	if err != nil {
		t.Fatal(err)
	}
	inventory, _ := h.Destroy("service.uninstall", service)
	if _, err := os.Stat(made.File); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there", made.File)
	}
	h.Do("service.install", service)
	if again, err := os.ReadFile(made.File); err != nil || string(again) != string(before) {
		t.Errorf("the service's file did not come back: %v", err)
	}
	return inventory
}

// reapStray leaves a process with this house's mark that no unit knows, and reaps it.
func reapStray(t *testing.T, h *holdfasttest.House) holdfast.Inventory {
	mark := markOf(t, h.Unit("notes.backend").PID)
	house, _, _ := strings.Cut(mark, "/")
	stray := exec.Command("sleep", "300")
	stray.Env = append(os.Environ(), "HOLDFAST_UNIT="+house+"/nobody/stray")
	stray.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := stray.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- stray.Wait() }()
	inventory, _ := h.Destroy("unit.reap", `{}`)
	<-ended
	return inventory
}

func markOf(t *testing.T, pid int) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		t.Fatal(err)
	}
	for variable := range strings.SplitSeq(string(text), "\x00") {
		if value, ok := strings.CutPrefix(variable, "HOLDFAST_UNIT="); ok {
			return value
		}
	}
	t.Fatalf("process %d bears no mark", pid)
	return ""
}
