// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
)

// TestClientConformance demands every scenario that each revision of the protocol requires of a
// client, of the house's side as a client.
func TestClientConformance(t *testing.T) {
	program := node(t)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	client := filepath.Join(t.TempDir(), "client")
	build(t, root, client, "./test/conformance/client")
	for revision, count := range map[string]int{"2026-07-28": 32, "2025-11-25": 18} {
		t.Run(revision, func(t *testing.T) {
			wanted := requiredOfClients(t, revision)
			if len(wanted) != count {
				t.Fatalf("the suite requires %d scenarios of a client, and %d are known of", len(wanted), count)
			}
			out := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			suite := exec.CommandContext(ctx, program, filepath.Join(module, "dist/index.js"), "client", "--command", client, "--requirements", revision, "-o", out)
			suite.WaitDelay = 10 * time.Second
			said, err := suite.CombinedOutput() // fails for scenarios that are not scored, too
			passed := 0
			for _, scenario := range wanted {
				if problems := judge(t, out, scenario); len(problems) > 0 {
					t.Errorf("%s: %s", scenario, strings.Join(problems, "; "))
					continue
				}
				passed++
			}
			t.Logf("%s: %d of %d", revision, passed, len(wanted))
			if t.Failed() {
				t.Logf("%v\n%s", err, said)
			}
		})
	}
}

func requiredOfClients(t *testing.T, revision string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(module, "requirements", revision+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Client []string `yaml:"client"`
	}
	if err := yaml.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list.Client
}
