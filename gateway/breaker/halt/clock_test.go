// SPDX-License-Identifier: Apache-2.0

package halt

import (
	"os"
	"testing"
	"time"

	"holdfast/core/home"
	"holdfast/gateway/breaker/judge"
)

// TestClockOfAnotherMachine: what was seen on one machine tells nothing of another's time, nor where the
// machine's time is not known.
func TestClockOfAnotherMachine(t *testing.T) {
	t.Parallel()
	now, moment := time.Unix(1_800_000_000, 0), &Moment{ID: "here", Since: time.Hour}
	h := home.At(t.TempDir())
	open := func() *Clock {
		return NewClock(h, func() time.Time { return now }, func() *Moment { return moment })
	}
	c := open()
	if err := c.Keep(true); err != nil {
		t.Fatal(err)
	}
	if up, known := c.Uptime(); up != time.Hour || !known {
		t.Errorf("%s, %v", up, known)
	}
	now, moment = now.Add(20*time.Hour), nil
	head := judge.MinuteOf(now)
	if at, within := open().Past().Now(head - 60); at != head-60 || !within {
		t.Errorf("without the machine's time an hour ago is %d minutes ago, %v", head-at, within)
	}
	if _, known := c.Uptime(); known {
		t.Error("the machine's time is known")
	}
	moment = &Moment{ID: "elsewhere", Since: 5000 * time.Hour}
	if _, known := c.Uptime(); known {
		t.Error("another machine's time counts as that of the first")
	}
	if at, within := open().Past().Now(head - 60); at != head-60 || !within {
		t.Errorf("elsewhere an hour ago is %d minutes ago, %v", head-at, within)
	}
}

// TestClockOfGarbage: a file of any content, or of none, makes nothing older than the clock says.
func TestClockOfGarbage(t *testing.T) {
	t.Parallel()
	now, moment := time.Unix(1_800_000_000, 0), &Moment{ID: "here", Since: 30 * time.Hour}
	for _, text := range []string{
		"", "{", "null", "[]", `"x"`, `{"since": "x"}`, `{"boot": "here", "since": 9000000000000000000, "at": "2027-01-15T07:00:00Z"}`,
		`{"boot": "here", "since": 126000000000000, "at": "2027-01-15T07:59:00Z", "from": 0}`, "\x00\x00\x00",
	} {
		h := home.At(t.TempDir())
		c := NewClock(h, func() time.Time { return now }, func() *Moment { return moment })
		if err := os.MkdirAll(c.files.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.files.path(clockFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		head := judge.MinuteOf(now)
		if at, within := c.Past().Now(head - 60); at < head-61 || !within {
			t.Errorf("%s: an hour ago is %d minutes ago, %v", text, head-at, within)
		}
		if err := c.Keep(true); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
