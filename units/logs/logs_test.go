// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/core/home"
	"holdfast/units/logkeeper"
)

// place is a house with two units, "a" and "b", and no keeper.
func place(t *testing.T, files map[string]string) *Logs {
	t.Helper()
	h := home.At(t.TempDir())
	if err := os.MkdirAll(h.Var("logs"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		put(t, h, name, text)
	}
	return New(Needs{Home: h, Units: func() []holdfast.UnitStatus {
		return []holdfast.UnitStatus{{Name: "a", Log: "var/logs/a.log"}, {Name: "b.ui", Log: "var/logs/b_ui.log"}}
	}})
}

func put(t *testing.T, h home.Home, name, text string) {
	t.Helper()
	data := []byte(text)
	if strings.HasSuffix(name, ".gz") {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(data); err != nil || z.Close() != nil {
			t.Fatal(err)
		}
		data = b.Bytes()
	}
	if err := os.WriteFile(h.Var("logs", name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// record is a line as the keeper writes it, at a second of one minute.
func record(second int, rest string) string {
	return fmt.Sprintf("2026-01-01T10:00:%02d.000000000Z %s\n", second, rest)
}

func TestShow(t *testing.T) {
	var numbered strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&numbered, "line %d\n", i)
	}
	stamped := "2026-01-01T10:00:00Z old\ntrace of old\n2026-01-01T12:00:00Z new\ntrace of new\n" +
		"time=2026-01-01T13:00:00.5Z level=INFO msg=slog\n{\"time\":\"2026-01-01T14:00:00Z\",\"msg\":\"json\"}\n"
	for _, c := range []struct {
		name, text string
		in         In
		want       []string
	}{
		{"empty", "", In{Lines: 5}, nil},
		{"fewer", "a\nb\n", In{Lines: 5}, []string{"a", "b"}},
		{"unended", "a\nb", In{Lines: 5}, []string{"a", "b"}},
		{"blank lines", "a\n\n\nb\n", In{Lines: 3}, []string{"", "", "b"}},
		{"carriage returns", "a\r\nb\r\n", In{Lines: 1}, []string{"b"}},
		{"last of many", numbered.String(), In{Lines: 2}, []string{"line 49998", "line 49999"}},
		{"grep far back", numbered.String(), In{Lines: 5, Grep: `^line 1?7$`}, []string{"line 7", "line 17"}},
		{"since", stamped, In{Lines: 9, Since: "2026-01-01T11:00:00Z"}, []string{
			"2026-01-01T12:00:00Z new", "trace of new", "time=2026-01-01T13:00:00.5Z level=INFO msg=slog",
			`{"time":"2026-01-01T14:00:00Z","msg":"json"}`,
		}},
		{"since and grep", stamped, In{Lines: 9, Since: "2026-01-01T11:00:00Z", Grep: "trace"}, []string{"trace of new"}},
		{"records", record(1, "stdout F one") + record(2, "stderr F two"), In{Lines: 9}, []string{"one", "two"}},
		{"of one stream", record(1, "stdout F one") + record(2, "stderr F two"), In{Lines: 9, Stream: "stderr"}, []string{"two"}},
		{"records since", record(1, "stdout F one") + record(2, "stderr F two"), In{Lines: 9, Since: "2026-01-01T10:00:02Z"}, []string{"two"}},
		{"parts between those of the other stream", record(1, "stdout P Pass") + record(2, "stderr F noise") + record(3, "stdout P:C wo") + record(4, "stdout F:C rd"), In{Lines: 9}, []string{"Password", "noise"}},
		{"parts whose beginning is gone", record(3, "stdout P:C wo") + record(4, "stdout F:C rd") + record(5, "stdout F next"), In{Lines: 9}, []string{"word", "next"}},
		{"a line that is open", record(1, "stdout F one") + record(2, "stdout P Password: "), In{Lines: 9}, []string{"one", "Password: "}},
		{"a notice within a line", record(1, "stdout P a") + record(2, "stdout F [notice]") + record(3, "stdout F:C b"), In{Lines: 9}, []string{"ab", "[notice]"}},
		{"old lines before records", "plain\n" + record(1, "stdout F one"), In{Lines: 9}, []string{"plain", "one"}},
		{"a record's words in a text", record(1, "stdout F stdout F x"), In{Lines: 9}, []string{"stdout F x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := place(t, map[string]string{"a.log": c.text})
			c.in.Unit = "a"
			out, err := l.Show(t.Context(), c.in)
			if err != nil || !slices.Equal(out.Lines, c.want) {
				t.Errorf("lines = %q %v, want %q", out.Lines, err, c.want)
			}
			if len(out.Entries) != len(out.Lines) {
				t.Errorf("%d entries for %d lines", len(out.Entries), len(out.Lines))
			}
		})
	}
}

// TestShowOverFiles wants one order over old files, packed and not, and a line that goes over two.
func TestShowOverFiles(t *testing.T) {
	l := place(t, map[string]string{
		"a.log.20260101T095900000Z.gz": record(1, "stdout F oldest") + record(2, "stdout F old"),
		"a.log.20260101T100003000Z.gz": record(3, "stdout F packed twice"),
		"a.log.20260101T100003000Z":    record(3, "stdout F packed twice"),
		"a.log.20260101T100004000Z":    record(4, "stdout F middle") + record(5, "stdout P half "),
		"a.log.20260101T1000":          "no old file of it\n",
		"a.log.gz":                     "nor this\n",
		"a.log":                        record(6, "stdout F:C and half") + record(7, "stdout F newest"),
	})
	for lines, want := range map[int][]string{
		9: {"oldest", "old", "packed twice", "middle", "half and half", "newest"},
		2: {"half and half", "newest"},
	} {
		out, err := l.Show(t.Context(), In{Units: []string{"a"}, Lines: lines})
		if err != nil || !slices.Equal(out.Lines, want) {
			t.Errorf("lines = %q %v, want %q", out.Lines, err, want)
		}
	}
	out, err := l.Show(t.Context(), In{Units: []string{"a"}, Lines: 9, Since: "2026-01-01T10:00:04Z"})
	if want := []string{"middle", "half and half", "newest"}; err != nil || !slices.Equal(out.Lines, want) {
		t.Errorf("since: lines = %q %v, want %q", out.Lines, err, want)
	}
}

func TestShowMerges(t *testing.T) {
	l := place(t, map[string]string{
		"a.log":     record(1, "stdout F a1") + record(4, "stderr F a4") + record(5, "stdout F a5"),
		"b_ui.log":  record(2, "stdout F b2") + record(3, "stdout F b3") + record(6, "stdout F b6"),
		"house.log": "time=2026-01-01T10:00:00.000Z level=WARN msg=up\n",
	})
	out, err := l.Show(t.Context(), In{Lines: 5})
	want := []Entry{{Unit: "b.ui", Text: "b2"}, {Unit: "b.ui", Text: "b3"}, {Unit: "a", Text: "a4"}, {Unit: "a", Text: "a5"}, {Unit: "b.ui", Text: "b6"}}
	if err != nil || len(out.Entries) != len(want) {
		t.Fatalf("%+v %v", out, err)
	}
	for i, e := range out.Entries {
		if e.Unit != want[i].Unit || e.Text != want[i].Text || e.At.Second() != i+2 {
			t.Errorf("entry %d is %+v, want %+v", i, e, want[i])
		}
	}
	if out.Lines[0] != "b.ui | b2" || !slices.Equal(out.Files, []string{"var/logs/a.log", "var/logs/b_ui.log"}) {
		t.Errorf("%q %q", out.Lines, out.Files)
	}
	out, err = l.Show(t.Context(), In{Units: []string{"a", "house"}, Lines: 2, Grep: "up|a1"})
	if err != nil || len(out.Lines) != 2 || !strings.HasPrefix(out.Lines[0], "house | time=") {
		t.Errorf("%q %v", out.Lines, err)
	}
}

func TestShowMistakes(t *testing.T) {
	l := place(t, map[string]string{"a.log": "no time here\n"})
	for _, c := range []struct {
		in   In
		want string
	}{
		{In{Unit: "a", Lines: 1, Grep: "("}, "grep: error parsing regexp"},
		{In{Unit: "a", Lines: 1, Since: "yesterday"}, `since: "yesterday" is neither`},
		{In{Unit: "a", Lines: 1, Since: "1h"}, "carry no times"},
		{In{Unit: "c", Lines: 1}, `there is no unit "c"`},
		{In{Units: []string{"../../etc/passwd"}, Lines: 1}, "there is no unit"},
		{In{Units: []string{"..", "a"}, Lines: 1}, "there is no unit"},
	} {
		if _, err := l.Show(t.Context(), c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.in, err, c.want)
		}
	}
}

func TestShowGarbage(t *testing.T) {
	garbage := string(bytes.Repeat([]byte{0xff, 0x00, 0x80, 'x'}, 1<<18)) // 1 MiB in one line
	for name, text := range map[string]string{
		"a plain log": "before\n" + garbage + "\nafter\n",
		"a kept log": record(1, "stdout F before") + record(2, "stdout P "+garbage[:500_000]) + record(3, "stdout F:C "+garbage[500_000:]) +
			record(4, "stdout F after"),
	} {
		out, err := place(t, map[string]string{"a.log": text}).Show(t.Context(), In{Unit: "a", Lines: 10})
		if err != nil || len(out.Lines) != 3 || out.Lines[0] != "before" || out.Lines[2] != "after" {
			t.Fatalf("%s: %d lines, %v", name, len(out.Lines), err)
		}
		if long := out.Lines[1]; !utf8.ValidString(long) || !strings.HasSuffix(long, " …") || len(long) > 3*lineMost+10 {
			t.Errorf("%s: the long line is not valid text of bounded length that is marked as cut", name)
		}
	}
}

func TestAnswerIsBounded(t *testing.T) {
	l := place(t, map[string]string{"a.log": strings.Repeat(strings.Repeat("x", 60_000)+"\n", 300)})
	out, err := l.Show(t.Context(), In{Unit: "a", Lines: 10_000})
	if err != nil || !out.Cut || len(out.Lines) < 100 || len(out.Lines) > 200 {
		t.Errorf("%d lines, cut %v, %v", len(out.Lines), out.Cut, err)
	}
}

func FuzzShow(f *testing.F) {
	f.Add("a\nb\n\nc", 2)
	f.Add("\n", 1)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < 1 || most > 100 || strings.ContainsAny(text, "\r") || strings.Contains(text, "std") || !utf8.ValidString(text) {
			t.Skip()
		}
		got, err := place(t, map[string]string{"a.log": text}).Show(t.Context(), In{Unit: "a", Lines: most})
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if text == "" {
			want = nil
		}
		want = want[max(0, len(want)-most):]
		if !slices.Equal(got.Lines, want) {
			t.Errorf("of %q the last %d are %q, want %q", text, most, got.Lines, want)
		}
	})
}

// A listener follows and hears entries.
type listener struct {
	t      *testing.T
	heard  chan Entry
	cancel context.CancelFunc
	ended  chan error
}

func listen(t *testing.T, l *Logs, in In) *listener {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	n := &listener{t: t, heard: make(chan Entry, 1<<16), cancel: cancel, ended: make(chan error, 1)}
	go func() {
		n.ended <- l.follow(ctx, in, func(event any) error {
			n.heard <- event.(Entry)
			return nil
		})
	}()
	t.Cleanup(n.end)
	return n
}

func (n *listener) end() {
	n.cancel()
	if err := <-n.ended; err != nil {
		n.t.Error(err)
	}
	n.ended <- nil
}

func (n *listener) expect(want ...string) {
	n.t.Helper()
	for _, w := range want {
		select {
		case got := <-n.heard:
			if got.Text != w {
				n.t.Fatalf("heard %q, want %q", got.Text, w)
			}
		case <-time.After(time.Minute):
			n.t.Fatalf("%q did not come", w)
		}
	}
}

func add(t *testing.T, l *Logs, name, text string) {
	t.Helper()
	file, err := os.OpenFile(l.Home.Var("logs", name), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.WriteString(text)
	if err != nil || file.Close() != nil {
		t.Fatal(err)
	}
}

func TestFollowThroughTruncationAndReplacement(t *testing.T) {
	l := place(t, map[string]string{"a.log": "one\ntwo\nhalf"})
	n := listen(t, l, In{Unit: "a", Lines: 1})
	path := l.Home.Var("logs", "a.log")
	n.expect("two")
	add(t, l, "a.log", " a line\nthree\n")
	n.expect("half a line", "three")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	add(t, l, "a.log", "anew\n")
	n.expect("anew")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	add(t, l, "a.log", "replaced\n")
	n.expect("replaced")
}

// TestFollowOverRotations rotates faster than the follower looks, and packs at once.
func TestFollowOverRotations(t *testing.T) {
	l := place(t, map[string]string{
		"a.log.20260101T090000000Z": record(0, "stdout F before all"),
		"a.log":                     record(1, "stdout F one"),
	})
	n := listen(t, l, In{Units: []string{"a"}, Lines: 9})
	n.expect("before all", "one")
	path := l.Home.Var("logs", "a.log")
	turn := func(stamp string, packed bool) {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path, path+"."+stamp); err != nil {
			t.Fatal(err)
		}
		if packed {
			put(t, l.Home, "a.log."+stamp+".gz", string(text))
			if err := os.Remove(path + "." + stamp); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(t, l, "a.log", record(2, "stdout F two")+record(3, "stdout P thr"))
	turn("20260101T100003000Z", true)
	add(t, l, "a.log", record(4, "stdout F:C ee"))
	turn("20260101T100004000Z", true)
	add(t, l, "a.log", record(5, "stdout F five"))
	turn("20260101T100005000Z", false)
	add(t, l, "a.log", record(6, "stdout F six"))
	n.expect("two", "three", "five", "six")
	add(t, l, "a.log", record(7, "stdout F seven"))
	n.expect("seven")
	if len(n.heard) > 0 {
		t.Errorf("%+v too much", <-n.heard)
	}
}

func TestFollowSeveral(t *testing.T) {
	l := place(t, map[string]string{"a.log": record(1, "stdout F a1")})
	n := listen(t, l, In{Lines: 9, Grep: "^[ab]"})
	n.expect("a1")
	add(t, l, "b_ui.log", record(2, "stdout F b2")+record(3, "stdout F no")+record(5, "stderr F b5"))
	n.expect("b2", "b5")
	add(t, l, "a.log", record(6, "stdout P at a prompt: "))
	n.expect("at a prompt: ") // it is seen though the line goes on
	add(t, l, "a.log", record(7, "stdout F:C an answer"))
	n.expect("an answer")
}

func TestNewUnitsAreFollowed(t *testing.T) {
	l := place(t, nil)
	units := make(chan []holdfast.UnitStatus, 1)
	units <- nil
	l.Units = func() []holdfast.UnitStatus {
		now := <-units
		units <- now
		return now
	}
	n := listen(t, l, In{Lines: 9})
	<-units
	units <- []holdfast.UnitStatus{{Name: "late", Log: "var/logs/late.log"}}
	add(t, l, "late.log", record(1, "stdout F hello"))
	n.expect("hello")
}

// standing is a keeper of which only how it stands is asked.
type standing struct {
	keeper
	now logkeeper.Standing
}

func (s standing) Standing() logkeeper.Standing { return s.now }

// TestStandingIsTold wants what the keeper lacks, and what it cannot write, in check and alert.
func TestStandingIsTold(t *testing.T) {
	since := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	trouble := logkeeper.Trouble{Since: since, Log: "b_ui", Why: "cannot write log: no space left on device"}
	for _, c := range []struct {
		now    logkeeper.Standing
		status holdfast.Status
		detail string
		fires  bool
	}{
		{logkeeper.Standing{PID: 1}, holdfast.StatusOK, "the log keeper runs", false},
		{logkeeper.Standing{Lacks: "there is none"}, holdfast.StatusWarn, "there is none", false},
		{logkeeper.Standing{Lacks: "there is none", Trouble: trouble}, holdfast.StatusCritical, "the lines of b_ui wait", true},
	} {
		l := place(t, nil)
		l.Keeper = standing{now: c.now}
		capability := l.Capability()
		if got := capability.Checks[0].Run(t.Context()); got.Status != c.status || !strings.Contains(got.Detail, c.detail) {
			t.Errorf("the check says %+v of %+v", got, c.now)
		}
		alerts := capability.Alerts[0].Firing(t.Context())
		if len(alerts) > 0 != c.fires {
			t.Fatalf("alerts %+v of %+v", alerts, c.now)
		}
		if c.fires && (alerts[0].Subject != "b_ui" || alerts[0].Since != since || !strings.Contains(alerts[0].Message, "no space left on device")) {
			t.Errorf("the alert is %+v", alerts[0])
		}
	}
}
