// SPDX-License-Identifier: Apache-2.0

package need

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"time"
)

// Self is the test program that runs, to be run again as a process of its own. Where this one has the
// race detector it is one built without: it begins many times faster, and what is killed at its work
// or watched from outside is then as it ships.
var Self = sync.OnceValues(func() (string, error) {
	if !racing {
		return os.Executable()
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "", errors.New("this test program does not tell its package")
	}
	what := strings.TrimSuffix(info.Path, ".test")
	// A folder for each package, so that the program has the name that it always has.
	path := filepath.Join(cache, "holdfast-test", strings.ReplaceAll(what, "/", "-"), filepath.Base(info.Path))
	fresh := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-race=false", "-vet=off", "-trimpath", "-ldflags=-s -w", "-o", fresh, what)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("cannot build the tests of %s: %w\n%s", what, errors.Join(ctx.Err(), err), out)
	}
	return path, os.Rename(fresh, path)
})
