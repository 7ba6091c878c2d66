// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"
)

// TestClientConformance demands every scenario that each revision of the protocol requires of a
// client, of the house's side as a client.
func TestClientConformance(t *testing.T) {
	program := node(t)
	client := filepath.Join(t.TempDir(), "client")
	build(t, client, "holdfast/test/conformance/client")
	for revision, count := range map[string]int{"2026-07-28": 32, "2025-11-25": 18} {
		t.Run(revision, func(t *testing.T) {
			wanted := requiredOfClients(t, revision)
			if len(wanted) != count {
				t.Fatalf("the suite requires %d scenarios of a client, and %d are known of", len(wanted), count)
			}
			suite{program, "client", []string{"--command", client}, "", nil}.demand(t, revision, wanted, func() string { return "" })
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
