// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"holdfast/app"
)

// An operator runs commands of a program in a home.
type operator struct {
	program string
	dir     string
	env     []string
}

// settle makes a home whose models are the upstream's, and the operator of it; undo removes it.
func settle(program, upstream string) (o operator, undo func() error, err error) {
	dir, err := os.MkdirTemp("", "holdfast-bench-")
	if err != nil {
		return o, nil, err
	}
	for name, text := range map[string]string{
		"holdfast.yaml":               house(upstream),
		".env":                        "AGENT_API_KEY=sk-bench\n",
		"var/breaker/thresholds.json": `{"hard_cap_per_hour": 1000000000000, "hard_cap_per_day": 1000000000000}`,
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			return o, nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return operator{program: program, dir: dir}, func() error { return os.RemoveAll(dir) }, nil
}

func (o operator) does(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, o.program, append([]string{"--home", o.dir}, args...)...)
	cmd.Env = append(os.Environ(), o.env...)
	cmd.Stderr = os.Stderr
	return cmd
}

func (o operator) up(ctx context.Context) (*child, error) {
	api, apiErr := freePort(ctx)
	edge, edgeErr := freePort(ctx)
	if err := errors.Join(apiErr, edgeErr); err != nil {
		return nil, err
	}
	cmd := o.does(ctx, "up", "--set", fmt.Sprintf("api.listen=127.0.0.1:%d", api), "--set", fmt.Sprintf("edge.listen=127.0.0.1:%d", edge))
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, url: fmt.Sprintf("http://127.0.0.1:%d", api)}
	if err := c.ready(ctx); err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

// build makes the programs as they are published, in a folder.
func build(ctx context.Context, dir string) (holdfast string, err error) {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", dir+"/", "holdfast/cmd/...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("cannot build the programs: %w", err)
	}
	return filepath.Join(dir, "holdfast"), nil
}

// serveProfiled is the program holdfast, which serves profiles of itself too.
func serveProfiled() int {
	serveProfiles(os.Getenv(profileVariable))
	return app.Main(os.Args[1:])
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
