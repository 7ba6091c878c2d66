// SPDX-License-Identifier: Apache-2.0

//go:build linux

package calls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/holdfasttest/need"
	"holdfast/test/outside"
)

// TestBurnKeepsItsAgeWhileTheClockIsSet: what was burned in the last real hour counts against the caps
// however far the clock is set, in the house, in the next one, and for the watch when no house lives;
// and what a clock that was ahead booked does not come back for ever.
func TestBurnKeepsItsAgeWhileTheClockIsSet(t *testing.T) {
	a := newAccounts()
	h := build(t, filepath.Join(t.TempDir(), "home"), upstream(t, a), &outside.Clock{})
	h.key("free")
	burn := func(what string) {
		t.Helper()
		for i := range 5 {
			if !h.call(http.DefaultClient, a, h.keys["free"], fmt.Sprintf("%s-%d", what, i), 2) {
				t.Fatalf("%s: a call is refused", what)
			}
		}
		h.until(time.Minute, "all is settled", h.settled)
	}
	all := func() (sum int64) {
		for _, tokens := range h.read().minutes {
			sum += tokens
		}
		return sum
	}
	for i, by := range []time.Duration{0, 49 * time.Hour, 400 * 24 * time.Hour, 0, -49 * time.Hour, 20 * time.Hour} {
		h.clock.Set(by)
		if burned, rows := h.burned(), all(); burned != rows || i > 0 && burned == 0 {
			t.Errorf("set by %s: %d tokens of %d count", by, burned, rows)
		}
		burn(fmt.Sprintf("step%d", i))
		h.until(time.Minute, "the step was seen", func() bool { return h.steps() >= i })
		if i%2 == 0 {
			continue
		}
		h.kill()
		h.up()
		if burned, rows := h.burned(), all(); burned != rows {
			t.Errorf("set by %s, and after SIGKILL: %d tokens of %d count", by, burned, rows)
		}
	}
	// The watch alone, a cap just below what was burned, and the clock far ahead.
	h.until(time.Minute, "the burn is told", func() bool { return h.told() == all() })
	total := all()
	h.kill()
	held, err := home.At(h.dir).Lock("")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = held.Unlock() }()
	caps := fmt.Sprintf(`{"hard_cap_per_hour": %d, "hard_cap_per_day": 1000000000}`, total)
	if err := os.WriteFile(filepath.Join(h.dir, "var", "breaker", "thresholds.json"), []byte(caps), 0o600); err != nil {
		t.Fatal(err)
	}
	h.clock.Set(-200 * time.Hour)
	cmd := exec.Command("sh", "-c", `"$0" watch --home "$1" >"$1/watch.log" 2>&1 & echo $! >"$1/watch.pid"`, filepath.Join(h.bin, "holdfast-watch"), h.dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := h.clock.Run(ctx, cmd); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exec.Command("sh", "-c", `kill "$(cat "$0/watch.pid")"`, h.dir).Run() }()
	h.until(time.Minute, "the watch halts by what the house told 200 hours ahead", func() bool {
		_, err := os.Lstat(filepath.Join(h.dir, "var", "breaker", "HALT_FLAG"))
		return err == nil
	})
}

// TestALateProgramGoesByTheClock: what a command forked goes by the clock, also when it becomes a
// program only after the command ended.
func TestALateProgramGoesByTheClock(t *testing.T) {
	clock, dir := &outside.Clock{}, t.TempDir()
	clock.Set(-200 * time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := clock.Run(ctx, exec.Command("sh", "-c", `(sleep 0.3; exec date +%s >"$0/date") & exit 0`, dir))
	if errors.Is(err, outside.ErrNoClock) {
		need.Missing(t, "nobody may answer for the clock here: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	var said int64
	(&house{t: t}).until(time.Minute, "the program says its date", func() bool {
		text, err := os.ReadFile(filepath.Join(dir, "date"))
		said, _ = strconv.ParseInt(strings.TrimSuffix(string(text), "\n"), 10, 64)
		return err == nil && strings.HasSuffix(string(text), "\n")
	})
	if ahead := time.Until(time.Unix(said, 0)); ahead > -199*time.Hour {
		t.Errorf("it is %s ahead, though its clock is 200 hours behind", ahead)
	}
}

// steps is how many times the house saw that its clock was set.
func (h *house) steps() int {
	var past struct{ Steps []any }
	text, err := os.ReadFile(filepath.Join(h.dir, "var", "breaker", "clock.json"))
	if err != nil || json.Unmarshal(text, &past) != nil {
		return 0
	}
	return len(past.Steps)
}

// told is what the house tells the watch of the sliding day.
func (h *house) told() (sum int64) {
	var burnt struct{ Minutes [][2]int64 }
	text, err := os.ReadFile(filepath.Join(h.dir, "var", "breaker", "burn.json"))
	if err != nil || json.Unmarshal(text, &burnt) != nil {
		return 0
	}
	for _, m := range burnt.Minutes {
		sum += m[1]
	}
	return sum
}
