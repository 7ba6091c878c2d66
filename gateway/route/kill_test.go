// SPDX-License-Identifier: Apache-2.0

package route

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

const killRole = "HOLDFAST_ROUTE_KILL_TEST"

func TestMain(m *testing.M) {
	if path := os.Getenv(killRole); path != "" {
		failForever(path)
	}
	os.Exit(m.Run())
}

// failForever makes calls whose first target is limited for an hour, several at once, and says of each
// target when its call is answered by the next.
func failForever(path string) {
	r := New(Options{File: path})
	ctx := context.Background()
	go func() { _ = r.Run(ctx) }()
	var calls sync.WaitGroup
	for worker := range 4 {
		calls.Go(func() {
			for i := 0; ; i++ {
				name := fmt.Sprintf("m-%d-%d", worker, i%200)
				asked, err := ask(ctx, r, chainOf(name, "two"), ill(limited(time.Hour), name))
				if err == nil && len(asked) == 2 {
					fmt.Println(name)
				}
			}
		})
	}
	calls.Wait()
}

// TestKilledAfterAnyAnswer kills a house with SIGKILL as soon as it has answered some calls: every
// cooldown that one of them began is known to the next house.
func TestKilledAfterAnyAnswer(t *testing.T) {
	t.Parallel()
	for answers := range 12 {
		path := filepath.Join(t.TempDir(), "cooldowns.json")
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), killRole+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		want := map[string]bool{}
		for len(want) <= answers*answers && lines.Scan() {
			want[lines.Text()] = true
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what was answered before the kill took
			want[lines.Text()] = true
		}
		_ = cmd.Wait()
		if len(want) <= answers*answers {
			t.Fatalf("it answered %d calls", len(want))
		}
		r := New(Options{File: path})
		r.Load()
		if r.Fault() != "" {
			t.Error(r.Fault())
		}
		for _, c := range r.Cooldowns() {
			delete(want, c.Target.Model)
		}
		if len(want) > 0 {
			t.Errorf("%d were answered for, and are forgotten", len(want))
		}
	}
}
