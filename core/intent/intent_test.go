// SPDX-License-Identifier: Apache-2.0

package intent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"holdfast/core/home"
	"holdfast/core/intent"
)

func place(t *testing.T) home.Home {
	t.Helper()
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	return h
}

func write(t *testing.T, h home.Home, text string) {
	t.Helper()
	if err := os.WriteFile(h.Var("intent.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestHoldsAreDurable(t *testing.T) {
	h := place(t)
	first := intent.NewBook(h)
	if err := errors.Join(first.Open(), first.Keep("a", "me"), first.Keep("a", "you"), first.Keep("b", "me"), first.Release("b"), first.Release("c")); err != nil {
		t.Fatal(err)
	}
	next := intent.NewBook(h)
	if err := next.Open(); err != nil {
		t.Fatal(err)
	}
	if err := next.Refuse("a"); err == nil || !strings.Contains(err.Error(), "by me") || !next.Holds("a") {
		t.Errorf("a is not held by who held it first: %v", err)
	}
	if next.Holds("b") || next.Refuse("b") != nil {
		t.Error("b is held")
	}
	if err := os.RemoveAll(h.Dir()); err != nil {
		t.Fatal(err)
	}
	if err := next.Release("a"); err == nil || !next.Holds("a") {
		t.Errorf("a release that was not written counts: %v", err)
	}
	if err := next.Keep("b", "me"); err == nil || !next.Holds("b") {
		t.Errorf("a hold that was not written does not count: %v", err)
	}
	if err := next.Keep("b", "me"); err == nil {
		t.Error("asked again, a hold that was not written is as good as written")
	}
	if err := errors.Join(h.Ensure(), next.Keep("b", "you")); err != nil {
		t.Fatal(err)
	}
	if in, err := intent.Read(h); err != nil || len(in.Held) != 2 || in.Held["b"].By != "me" {
		t.Errorf("asked again when it can be written, it stands as %+v, %v", in.Held, err)
	}
}

func TestOldFilesAreRead(t *testing.T) {
	h := place(t)
	write(t, h, `{"held": {"a": {"since": "2026-01-02T03:04:05Z", "by": "operator"}}}`)
	in, err := intent.Read(h)
	if err != nil || in.Down != nil || in.Held["a"].By != "operator" {
		t.Errorf("got %+v, %v", in, err)
	}
}

func TestWhatCannotBeReadIsAnErrorForEverybody(t *testing.T) {
	for _, text := range []string{"", "{", `{"held": 3}`, "null garbage", `{"held": {"a": {"since": "yesterday"}}}`} {
		h := place(t)
		write(t, h, text)
		_, readErr := intent.Read(h)
		for _, err := range []error{readErr, intent.NewBook(h).Open(), intent.SetDown(h, "me", false), intent.ClearDown(h), intent.NewBook(h).Keep("a", "me")} {
			if err == nil || !strings.Contains(err.Error(), "remove the file") {
				t.Errorf("%q: %v", text, err)
			}
		}
		if now, err := os.ReadFile(h.Var("intent.json")); err != nil || string(now) != text {
			t.Errorf("%q was changed to %q, %v", text, now, err)
		}
	}
}

func TestDownStandsUntilUp(t *testing.T) {
	h := place(t)
	if err := errors.Join(intent.SetDown(h, "me", false), intent.SetDown(h, "you", false)); err != nil {
		t.Fatal(err)
	}
	in, err := intent.Read(h)
	if err != nil || in.Down == nil || in.Down.By != "me" || in.Down.Workers || time.Since(in.Down.Since) > time.Minute {
		t.Fatalf("got %+v, %v", in.Down, err)
	}
	if err := errors.Join(intent.SetDown(h, "you", true), intent.SetDown(h, "me", false)); err != nil {
		t.Fatal(err)
	}
	if in, err := intent.Read(h); err != nil || !in.Down.Workers || in.Down.By != "me" {
		t.Errorf("workers were to end: %+v, %v", in.Down, err)
	}
	if err := intent.ClearDown(h); err != nil {
		t.Fatal(err)
	}
	if in, err := intent.Read(h); err != nil || in.Down != nil {
		t.Errorf("still down: %+v, %v", in.Down, err)
	}
}

// TestNothingIsLost has a house hold units while others say down and up beside it.
func TestNothingIsLost(t *testing.T) {
	h := place(t)
	book := intent.NewBook(h)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if err := book.Keep(fmt.Sprint("unit", i), "me"); err != nil {
				t.Error(err)
			}
		})
		group.Go(func() {
			if err := intent.SetDown(h, fmt.Sprint("caller", i), i == 3); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	in, err := intent.Read(h)
	if err != nil || len(in.Held) != 8 || in.Down == nil || !in.Down.Workers {
		t.Errorf("got %+v, %v", in, err)
	}
	if err := errors.Join(intent.ClearDown(h), book.Release("unit0")); err != nil {
		t.Fatal(err)
	}
	if in, err := intent.Read(h); err != nil || len(in.Held) != 7 || in.Down != nil {
		t.Errorf("got %+v, %v", in, err)
	}
}

// TestAFrozenWriterStopsNobodyForLong holds the lock as a process does that was stopped in a write.
func TestAFrozenWriterStopsNobodyForLong(t *testing.T) {
	h := place(t)
	frozen, err := os.OpenFile(h.Var("run", "intent.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = frozen.Close() }()
	if err := unix.Flock(int(frozen.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	book, began := intent.NewBook(h), time.Now()
	if err := book.Keep("a", "me"); err == nil || !strings.Contains(err.Error(), "intent.lock") || !book.Holds("a") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// TestTheFileIsForOthersToRead keeps the form of the file.
func TestTheFileIsForOthersToRead(t *testing.T) {
	h := place(t)
	if err := errors.Join(intent.SetDown(h, "me", true), intent.NewBook(h).Keep("a", "you")); err != nil {
		t.Fatal(err)
	}
	var form struct {
		Held map[string]map[string]string `json:"held"`
		Down map[string]any               `json:"down"`
	}
	data, err := os.ReadFile(h.Var("intent.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &form); err != nil || form.Held["a"]["by"] != "you" || form.Down["workers"] != true {
		t.Errorf("%v: %s", err, data)
	}
}
