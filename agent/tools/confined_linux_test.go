// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/process/confine"
	"holdfast/holdfasttest/need"
	"holdfast/holdfasttest/timing"
)

// confinedBench is a bench whose home has a secret in .env.
func confinedBench(t *testing.T) *bench {
	t.Helper()
	if lacks := confine.Lacks(true); len(lacks) > 0 {
		need.Missing(t, lacks[0])
	}
	helper, err := need.Watch()
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	b.needs.Helper = helper
	if err := os.WriteFile(b.home.EnvFile(), []byte("THE_KEY=secret\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return b
}

const lookModule = `import os, resource
def look(path: str):
    """Read a file."""
    try:
        return True, open(path).read()
    except OSError as e:
        return True, type(e).__name__
def limits():
    """Tell the limits."""
    return True, "%d %d" % (resource.getrlimit(resource.RLIMIT_NOFILE)[0], os.nice(0))
TOOLS = [look, limits]
`

func TestToolServersAreConfined(t *testing.T) {
	b := confinedBench(t)
	python := pythonServer(t, "alpha", map[string]string{"look_tools.py": lookModule})
	python.Sandbox = &holdfast.Sandbox{Read: []string{python.Dir}}
	python.Limits = holdfast.Limits{NoFile: 100, Nice: 3}
	free := pythonServer(t, "beta", map[string]string{"free_tools.py": strings.NewReplacer("look", "free", "limits", "unlimited").Replace(lookModule)})
	own := goServer(t, "gamma", "good")
	own.Sandbox = &holdfast.Sandbox{Read: []string{filepath.Dir(own.Run[0])}, Network: "off"}
	b.extensions.set(python, free, own)
	b.up()
	secret := fmt.Sprintf(`{"path":%q}`, b.home.EnvFile())
	if got := b.must("look", secret).Text; got != "PermissionError" {
		t.Errorf("a confined server reads .env: %s", got)
	}
	if got := b.must("free", secret).Text; got != "THE_KEY=secret\n" {
		t.Errorf("a free server does not: %s", got)
	}
	if got := b.must("limits", `{}`).Text; got != "100 3" {
		t.Errorf("the limits are %s", got)
	}
	if got := b.must("echo", `{"text":"hello"}`).Text; got != "hello" {
		t.Errorf("a server without network says %s", got)
	}
}

func TestAConfinementThatFailsIsTold(t *testing.T) {
	b := confinedBench(t)
	lost := goServer(t, "alpha", "good")
	lost.Sandbox = &holdfast.Sandbox{}
	b.extensions.set(lost)
	b.up()
	timing.Until(t, "the error is told", func() bool {
		s, err := b.desk().server("alpha")
		return err == nil && strings.Contains(s.Error, "its sandbox does not list it")
	})
}
