// SPDX-License-Identifier: Apache-2.0

package confine_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/process"
	"holdfast/holdfasttest/need"
)

// limited starts a Python program within limits and a sandbox, which both ways of a launch meet.
func limited(t *testing.T, l holdfast.Limits, program string) (*process.Process, *os.File) {
	t.Helper()
	newPlace(t)
	p, out, err := begin(t, process.Spec{
		Argv: []string{"python3", "-c", program}, Limits: l, Sandbox: &holdfast.Sandbox{},
		Env: []string{"PATH=" + os.Getenv("PATH")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if lacks := p.Lacks(); len(lacks) > 0 {
		need.Missing(t, lacks[0])
	}
	return p, out
}

func TestMemoryIsLimited(t *testing.T) {
	p, out := limited(t, holdfast.Limits{Memory: 64 << 20}, `
print("begun", flush=True)
x = bytearray(400 << 20)
print("it has", len(x), flush=True)`)
	if text := read(t, out); text != "begun\n" {
		t.Errorf("it says %q", text)
	}
	<-p.Done()
	if exit := p.Exit(); exit.String() != "killed for passing its memory limit" {
		t.Errorf("it %s", exit)
	}
}

func TestMemoryWithinTheLimitIsGiven(t *testing.T) {
	p, out := limited(t, holdfast.Limits{Memory: 256 << 20}, `print(len(bytearray(64 << 20)))`)
	text := read(t, out)
	<-p.Done()
	if exit := p.Exit(); !exit.Success() || text != strconv.Itoa(64<<20)+"\n" {
		t.Errorf("it says %q and %s", text, exit)
	}
}

func TestCPUIsLimited(t *testing.T) {
	_, out := limited(t, holdfast.Limits{CPU: 0.2}, `
import os, time
begun = time.monotonic()
if os.fork() == 0: # the whole tree counts
    while time.monotonic() - begun < 2: pass
    os._exit(0)
while time.monotonic() - begun < 2: pass
os.wait()
used = os.times()
print((used.user + used.system + used.children_user + used.children_system) / (time.monotonic() - begun))`)
	text := strings.TrimSpace(read(t, out))
	cores, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatalf("it says %q", text)
	}
	if cores > 0.35 {
		t.Errorf("it used %.2f cores of 0.2", cores)
	}
}

func TestProcessesAreLimited(t *testing.T) {
	_, out := limited(t, holdfast.Limits{Processes: 12}, `
import os, time
made = 0
while made < 200:
    try:
        if os.fork() == 0:
            time.sleep(60)
            os._exit(0)
    except BlockingIOError:
        break
    made += 1
print(made, flush=True)
os.killpg(0, 9)`)
	text := strings.TrimSpace(read(t, out))
	if made, err := strconv.Atoi(text); err != nil || made == 0 || made > 11 {
		t.Errorf("with a limit of 12 it made %q processes beside itself", text)
	}
}
