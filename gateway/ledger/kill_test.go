// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

const killRole = "HOLDFAST_LEDGER_KILL_TEST"

func TestMain(m *testing.M) {
	if path := os.Getenv(killRole); path != "" {
		if err := burnForever(path); err != nil {
			fmt.Println("failed:", err)
		}
		os.Exit(1)
	}
	if os.Getenv("HOLDFAST_LONG") == "" {
		if err := flag.Set("rapid.checks", checks); err != nil { // the command line may say otherwise
			fmt.Println(err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// burnForever books calls from several goroutines and says of each when it is reserved and when
// its settlement is flushed.
func burnForever(path string) error {
	ctx := context.Background()
	s := store.New(path)
	if err := s.Open(ctx, store.Options{Migrations: tables()}); err != nil {
		return err
	}
	l := New(Needs{Store: s, Dir: path + ".log", Node: "here", Gate: wide()})
	if err := l.Start(ctx); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := 0; ; i++ {
				c := call("w")
				c.RequestID = fmt.Sprintf("%d-%d-%d", os.Getpid(), worker, i)
				c.Session = fmt.Sprint(worker)
				r, err := l.Reserve(ctx, c, 10, 5)
				if err != nil {
					return
				}
				fmt.Println("reserved", c.RequestID)
				r.Settle(done(3, 4))
				if i%5 == 0 && l.flush(ctx) == nil {
					fmt.Println("settled", c.RequestID)
				}
			}
		})
	}
	wg.Go(func() { observeForever(ctx, l) })
	wg.Wait()
	return nil
}

// observeForever sees calls, some of which the gateway settles too, and says of each when it is booked.
func observeForever(ctx context.Context, l *Ledger) {
	for i := 0; ; i++ {
		key := fmt.Sprintf("o-%d-%d", os.Getpid(), i)
		o := seen(key, "", time.Now(), 5, 0)
		if l.Observe(ctx, []Observation{o}) != nil {
			return
		}
		fmt.Println("observed", key)
		o.Usage.Output = 4 // it grew
		if l.Observe(ctx, []Observation{o}) != nil {
			return
		}
		fmt.Println("grown", key)
	}
}

// TestKilledUnderLoad kills the process that books, again and again: what was reserved is a row,
// what was settled has its truth, and nothing is in the books twice.
func TestKilledUnderLoad(t *testing.T) {
	t.Parallel()
	path := t.TempDir() + "/ledger.db"
	said := map[string]map[string]bool{"reserved": {}, "settled": {}, "observed": {}, "grown": {}}
	reserved, settled := said["reserved"], said["settled"]
	for round := range 4 {
		burnAndKill(t, path, 150*(round+1), said)
	}
	options := storetest.Options(t, store.SQLite, tables())
	options.Path = path
	s := storetest.Open(t, options)
	l := openIn(t, s, wide(), path+".log")
	got := summary(t, l)
	if got.Today.Calls < int64(len(reserved)) || got.Burn.Reserved != 0 {
		t.Errorf("%d of %d acknowledged calls are booked; burn %+v", got.Today.Calls, len(reserved), got.Burn)
	}
	for id := range settled {
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE request_id = ? AND estimated = 0 AND input = 3 AND output = 4", id); n != 1 {
			t.Fatalf("settled call %s has %d true rows", id, n)
		}
	}
	for id := range reserved {
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE request_id = ?", id); n != 1 {
			t.Fatalf("reserved call %s has %d rows", id, n)
		}
	}
	nothingReserved(t, l)
	for id := range said["observed"] {
		if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls WHERE request_id = ?", id); n != 1 {
			t.Fatalf("observed call %s has %d rows", id, n)
		}
	}
	for id := range said["grown"] {
		if n := rows(t, s, "SELECT input + output FROM ledger_calls WHERE request_id = ?", id); n != 9 {
			t.Fatalf("observed call %s has %d tokens", id, n)
		}
	}
	whole := rows(t, s, "SELECT "+adding(total)+" FROM ledger_calls")
	agree(t, l, s, nil, whole)
	inSessions := rows(t, s, "SELECT "+adding(total)+" FROM ledger_sessions")
	if want := rows(t, s, "SELECT "+adding(total)+" FROM ledger_calls WHERE session <> ''"); inSessions != want {
		t.Errorf("the sessions have %d tokens, want %d", inSessions, want)
	}
}

func burnAndKill(t *testing.T, path string, lines int, said map[string]map[string]bool) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), killRole+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	scan := bufio.NewScanner(out)
	for n := 0; scan.Scan(); n++ {
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
		word, id, _ := strings.Cut(scan.Text(), " ")
		if said[word] == nil {
			t.Fatal(scan.Text())
		}
		said[word][id] = true
	}
	_ = cmd.Wait() // it was killed
}

func nothingReserved(t *testing.T, l *Ledger) {
	t.Helper()
	if n, _ := reserved(t, l); n != 0 {
		t.Errorf("%d reservations are left", n)
	}
}
