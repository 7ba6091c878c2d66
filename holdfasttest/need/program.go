// SPDX-License-Identifier: Apache-2.0

package need

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// The house's programs are those of HOLDFAST_BIN when a build made them already, else built once a
// test process.
var (
	house = sync.OnceValues(func() (string, error) { return program("holdfast") })
	Edge  = sync.OnceValues(func() (string, error) { return program("holdfast-edge") })
	Watch = sync.OnceValues(func() (string, error) { return program("holdfast-watch") })
)

// Programs is the folder with all three.
func Programs(t testing.TB) string {
	t.Helper()
	path, err := house()
	_, edgeErr := Edge()
	_, watchErr := Watch()
	if err := errors.Join(err, edgeErr, watchErr); err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(path)
}

// buildWithin bounds a build, which takes minutes where nothing is in Go's cache and the machine is
// busy; without it the test runner's own bound ends everything, and nothing says why.
const buildWithin = 8 * time.Minute

func program(name string) (string, error) {
	if bin := os.Getenv("HOLDFAST_BIN"); bin != "" {
		return filepath.Join(bin, name), nil
	}
	// One place for all runs of this user, so that none leaves its own behind; the rename lets a
	// program that runs go on.
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "holdfast-test")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	path := filepath.Join(dir, name)
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := Build(context.Background(), fresh, "holdfast/cmd/"+name); err != nil {
		return "", err
	}
	return path, os.Rename(fresh, path)
}

// Build builds a package into a file, or several into a folder named with a slash at its end, with
// string variables set. It builds as `make build` does, so that most of it is in Go's cache.
func Build(ctx context.Context, to, what string, set ...string) error {
	flags := "-s -w"
	for _, variable := range set {
		flags += " -X " + variable
	}
	ctx, cancel := context.WithTimeoutCause(ctx, buildWithin,
		fmt.Errorf("it took more than %s: run `make build` and name its folder in HOLDFAST_BIN", buildWithin))
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags="+flags, "-o", to, what)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot build %s: %w\n%s", what, errors.Join(context.Cause(ctx), err), out)
	}
	return nil
}
