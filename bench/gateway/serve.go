// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"holdfast/app"
)

// serveHoldfast runs the whole house in a home of its own, as `holdfast up` does.
func serveHoldfast(api, edge string) (err error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for name, text := range map[string]string{
		"holdfast.yaml":               house(os.Getenv("HOLDFAST_BENCH_UPSTREAM")),
		".env":                        "AGENT_API_KEY=sk-bench\n",
		"var/breaker/thresholds.json": `{"hard_cap_per_hour": 1000000000000, "hard_cap_per_day": 1000000000000}`,
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return err
		}
	}
	if address := os.Getenv(profileVariable); address != "" {
		serveProfiles(address)
	}
	if status := app.Main([]string{"--home", dir, "up", "--set", "api.listen=" + api, "--set", "edge.listen=" + edge}); status != 0 {
		return fmt.Errorf("the house ended with status %d", status)
	}
	return nil
}

// tempers are the paths of the upstream; each is a provider and an alias of the house.
func tempers() []string { return []string{"dead", "drip", "slow", "endless"} }

func house(upstream string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "models:\n  providers:\n    local: {kind: openai, url: %q}\n", upstream+"/v1")
	for _, name := range tempers() {
		fmt.Fprintf(&text, "    %s: {kind: openai, url: %q}\n", name, upstream+"/"+name+"/v1")
	}
	text.WriteString("  aliases:\n    chat: [local/bench]\n    dead: [dead/bench, local/bench]\n")
	for _, name := range tempers()[1:] {
		fmt.Fprintf(&text, "    %s: [%s/bench]\n", name, name)
	}
	return text.String()
}
