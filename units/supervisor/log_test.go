// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/core/process/processtest"
)

// logHouse has one unit "a" with the given log.
func logHouse(t *testing.T, text string) (*rig, string) {
	t.Helper()
	r := newRig(t, t.TempDir(), &processtest.Host{})
	t.Cleanup(func() { _ = r.close(context.Background()) })
	if err := r.Set(t.Context(), "test", []holdfast.Unit{plain("a")}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, "var", "logs", "a.log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return r, path
}

func TestShowLog(t *testing.T) {
	var numbered strings.Builder
	for i := range 50_000 {
		fmt.Fprintf(&numbered, "line %d\n", i)
	}
	stamped := "2026-01-01T10:00:00Z old\ntrace of old\n2026-01-01T12:00:00Z new\ntrace of new\n" +
		"time=2026-01-01T13:00:00.5Z level=INFO msg=slog\n{\"time\":\"2026-01-01T14:00:00Z\",\"msg\":\"json\"}\n"
	for _, c := range []struct {
		name, text string
		in         logIn
		want       []string
	}{
		{"empty", "", logIn{Lines: 5}, nil},
		{"fewer", "a\nb\n", logIn{Lines: 5}, []string{"a", "b"}},
		{"unended", "a\nb", logIn{Lines: 5}, []string{"a", "b"}},
		{"blank lines", "a\n\n\nb\n", logIn{Lines: 3}, []string{"", "", "b"}},
		{"carriage returns", "a\r\nb\r\n", logIn{Lines: 1}, []string{"b"}},
		{"last of many", numbered.String(), logIn{Lines: 2}, []string{"line 49998", "line 49999"}},
		{"grep far back", numbered.String(), logIn{Lines: 5, Grep: `^line 1?7$`}, []string{"line 7", "line 17"}},
		{"since", stamped, logIn{Lines: 9, Since: "2026-01-01T11:00:00Z"}, []string{
			"2026-01-01T12:00:00Z new", "trace of new", "time=2026-01-01T13:00:00.5Z level=INFO msg=slog",
			`{"time":"2026-01-01T14:00:00Z","msg":"json"}`,
		}},
		{"since and grep", stamped, logIn{Lines: 9, Since: "2026-01-01T11:00:00Z", Grep: "trace"}, []string{"trace of new"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := logHouse(t, c.text)
			c.in.Unit = "a"
			out, err := r.logs.show(t.Context(), c.in)
			if err != nil || !slices.Equal(out.Lines, c.want) {
				t.Errorf("lines = %q %v, want %q", out.Lines, err, c.want)
			}
		})
	}
}

func TestShowLogMistakes(t *testing.T) {
	r, _ := logHouse(t, "no time here\n")
	for _, c := range []struct {
		in   logIn
		want string
	}{
		{logIn{Unit: "a", Lines: 1, Grep: "("}, "grep: error parsing regexp"},
		{logIn{Unit: "a", Lines: 1, Since: "yesterday"}, `since: "yesterday" is neither`},
		{logIn{Unit: "a", Lines: 1, Since: "1h"}, "carry no times"},
		{logIn{Unit: "b", Lines: 1}, `there is no unit "b"`},
	} {
		if _, err := r.logs.show(t.Context(), c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.in, err, c.want)
		}
	}
}

func TestShowLogOfGarbage(t *testing.T) {
	garbage := bytes.Repeat([]byte{0xff, 0x00, 0x80, 'x'}, 1<<18) // 1 MiB in one line
	r, _ := logHouse(t, "before\n"+string(garbage)+"\nafter\n")
	out, err := r.logs.show(t.Context(), logIn{Unit: "a", Lines: 10})
	if err != nil || len(out.Lines) != 3 || out.Lines[0] != "before" || out.Lines[2] != "after" {
		t.Fatalf("%d lines, %v", len(out.Lines), err)
	}
	if long := out.Lines[1]; !utf8.ValidString(long) || !strings.HasSuffix(long, " …") {
		t.Error("the long line is neither valid text nor marked as cut")
	}
}

func FuzzLastLines(f *testing.F) {
	f.Add("a\nb\n\nc", 2)
	f.Add("\n", 1)
	f.Fuzz(func(t *testing.T, text string, most int) {
		if most < 1 || most > 100 || strings.ContainsAny(text, "\r") || !utf8.ValidString(text) {
			t.Skip()
		}
		got, err := lastLines(strings.NewReader(text), int64(len(text)), most, filter{})
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if text == "" {
			want = nil
		}
		want = want[max(0, len(want)-most):]
		if !slices.Equal(got, want) {
			t.Errorf("lastLines(%q, %d) = %q, want %q", text, most, got, want)
		}
	})
}

var _ io.ReaderAt = (*strings.Reader)(nil)

func TestFollowThroughTruncationAndReplacement(t *testing.T) {
	r, path := logHouse(t, "one\ntwo\nhalf")
	ctx, cancel := context.WithCancel(t.Context())
	lines := make(chan string, 100)
	ended := make(chan error, 1)
	go func() {
		ended <- r.logs.follow(ctx, logIn{Unit: "a", Lines: 1}, func(event any) error {
			lines <- event.(LogLine).Line
			return nil
		})
	}()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-lines:
			if got != want {
				t.Fatalf("followed %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%q did not come", want)
		}
	}
	add := func(text string) {
		t.Helper()
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		_, err = file.WriteString(text)
		if err != nil || file.Close() != nil {
			t.Fatal(err)
		}
	}
	expect("two")
	add(" a line\nthree\n")
	expect("half a line")
	expect("three")
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	add("anew\n")
	expect("anew")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	add("replaced\n")
	expect("replaced")
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
