// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"holdfast/core/home"
	"holdfast/holdfasttest"
	"holdfast/surface/api"
)

// asker is this test binary as the process that asks over the control socket: it prints who the
// other side took it for.
const asker = "HOLDFASTTEST_ASK"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asker); dir != "" {
		os.Exit(ask(dir))
	}
	os.Exit(m.Run())
}

func ask(dir string) int {
	out, err := whoAmI(home.At(dir))
	if err != nil {
		_, _ = os.Stderr.WriteString(err.Error())
		return 1
	}
	_, _ = os.Stdout.WriteString(out)
	return 0
}

func TestWhoIsWhoOnTheControlSocket(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		argv []string
		env  string
		want string
	}{
		// Whoever descends from a house came from its units; a terminal does not (test/stories).
		"a descendant of the house without a mark": {[]string{self}, "", "agent:unreadable"},
		"a unit's process under the same uid":      {[]string{self}, "HOLDFAST_UNIT=h/notes.backend/1", "agent:notes.backend"},
		"a child of a unit with its own words":     {[]string{"env", "HOLDFAST_UNIT=", self}, "HOLDFAST_UNIT=h/notes.backend/1", "agent"},
		"a grandchild that cleared its environment": {
			[]string{"sh", "-c", "env -u HOLDFAST_UNIT " + self + "; :"}, "HOLDFAST_UNIT=h/notes.backend/1", "agent:notes.backend",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), c.argv[0], c.argv[1:]...)
			cmd.Env = append(os.Environ(), asker+"="+h.Home.Dir())
			if c.env != "" {
				cmd.Env = append(cmd.Env, c.env)
			}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), c.want) {
				t.Errorf("%v: %s; want %s", err, out, c.want)
			}
		})
	}
	if api.Terminal().Tier < holdfasttest.Agent("x").Tier {
		t.Error("an agent stands above the terminal")
	}
}

// journaledBy finds who the journal says refused or did something last.
func journaledBy(t *testing.T, h *holdfasttest.House, action string) string {
	t.Helper()
	var out struct {
		Entries []struct {
			Caller string `json:"caller"`
		} `json:"entries"`
	}
	if err := json.Unmarshal(h.Do("journal.show", `{"action":"`+action+`"}`), &out); err != nil || len(out.Entries) == 0 {
		t.Fatalf("no entry for %s: %v", action, err)
	}
	return out.Entries[len(out.Entries)-1].Caller
}

func TestAUnitsDestructionWaitsForAPerson(t *testing.T) {
	h := holdfasttest.Start(t, holdfasttest.Options{})
	_, err := h.Try(holdfasttest.Agent("notes.backend"), "extension.delete", `{"name":"notes"}`, nil)
	if err == nil || !strings.Contains(err.Error(), "waits for approval") {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(h.Home.Path("extensions", "notes", "config.json")); err != nil {
		t.Error("it was deleted")
	}
	if who := journaledBy(t, h, "extension.delete"); who != "agent:notes.backend" {
		t.Errorf("journaled as %s", who)
	}
}
