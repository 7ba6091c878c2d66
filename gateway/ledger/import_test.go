// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"holdfast/core/store"
	"holdfast/core/store/storetest"
)

const importedCall = `{"time":"2026-11-01T10:00:00Z","model":"m","input":5%s}` + "\n"

// TestHostileMappings are refused with what would be right.
func TestHostileMappings(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		maps []string
		want string
	}{
		{[]string{"x"}, "maps no field"},
		{[]string{"=x"}, "maps no field"},
		{[]string{"input="}, "maps no field"},
		{[]string{"secret=x"}, "one of agent, cache_write_1h"},
		{[]string{"input=a", "input=b"}, "second time"},
		{[]string{"input=."}, "no path of members"},
		{[]string{"input=a..b"}, "no path of members"},
		{[]string{"input=" + strings.Repeat("a.", 40) + "a"}, "32 at most"},
		{[]string{`key="one"`}, "all would be one call"},
		{[]string{`response_id="one"`}, "all would be one call"},
		{[]string{strings.Repeat("x", 1<<20) + "=y"}, "maps no field"},
	} {
		_, err := parseMapping(c.maps)
		if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 500 {
			t.Errorf("%.80q: %.600v", c.maps, err)
		}
	}
	for _, good := range [][]string{nil, {"input=a.b.c", `model="m"`, `time="2026-11-01T10:00:00Z"`, `provider=""`}, {"model=größe.名"}} {
		if _, err := parseMapping(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}

// TestHostileLines are counted and named, and never stop the rest.
func TestHostileLines(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := openWith(t, s, &purse{})
	m, err := parseMapping([]string{"input=input"})
	if err != nil {
		t.Fatal(err)
	}
	good := func(n int) string { return fmt.Sprintf(importedCall, fmt.Sprintf(`,"key":"k%d"`, n)) }
	for name, text := range map[string]string{
		"too long":          `{"x":"` + strings.Repeat("y", importLine) + `"}`,
		"far too long":      strings.Repeat("z", 5*importLine),
		"NUL bytes":         strings.Repeat("\x00", 4096),
		"deep":              strings.Repeat("[", 1<<20),
		"wide":              "[" + strings.Repeat("1,", 1<<20) + "1]",
		"no object":         `"text"`,
		"negative":          `{"time":"2026-11-01T10:00:00Z","model":"m","input":-5}`,
		"overflowing":       `{"time":"2026-11-01T10:00:00Z","model":"m","input":99999999999999999999}`,
		"just too many":     fmt.Sprintf(`{"time":"2026-11-01T10:00:00Z","model":"m","input":%d}`, mostTokens+1),
		"a fraction":        `{"time":"2026-11-01T10:00:00Z","model":"m","input":5.5}`,
		"an object":         `{"time":"2026-11-01T10:00:00Z","model":"m","input":{"a":5}}`,
		"no time":           `{"model":"m","input":5}`,
		"a time of no time": `{"time":"NaN","model":"m","input":5}`,
		"an infinite time":  `{"time":"Inf","model":"m","input":5}`,
		"long ago":          `{"time":"1700-01-01T00:00:00Z","model":"m","input":5}`,
		"far ahead":         `{"time":"9999-01-01T00:00:00Z","model":"m","input":5}`,
		"NaN dollars":       `{"time":"2026-11-01T10:00:00Z","model":"m","input":5,"cost":"NaN"}`,
		"a loss":            `{"time":"2026-11-01T10:00:00Z","model":"m","input":5,"cost":-1}`,
		"no model":          `{"time":"2026-11-01T10:00:00Z","input":5}`,
		"no tokens":         `{"time":"2026-11-01T10:00:00Z","model":"m"}`,
	} {
		got, err := asked(l).importLines(t.Context(), strings.NewReader(good(1)+text+"\n"+good(2)), m)
		if err != nil || got.Calls != 2 || got.Skipped != 1 || len(got.Problems) != 1 || !strings.HasPrefix(got.Problems[0], "line 2: ") || len(got.Problems[0]) > 200 {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	odd := fmt.Sprintf(importedCall, `,"session":"a\u0000b","agent":"`+"\xff\xfe"+`","project":"`+strings.Repeat("p", 1<<20)+`","cost":0`)
	if got, err := asked(l).importLines(t.Context(), strings.NewReader(odd), m); err != nil || got.Calls != 1 {
		t.Errorf("odd names: %+v, %v", got, err)
	}
	if n := rows(t, s, "SELECT COUNT(*) FROM ledger_calls"); n != 3 {
		t.Errorf("%d rows", n)
	}
}

// garbage is a file without an end of what is no call.
type garbage struct{ lines int }

func (g *garbage) Read(b []byte) (int, error) {
	n := copy(b, strings.Repeat("no call\n", len(b)/8+1))
	g.lines += n / 8
	return n, nil
}

// TestAnImportThatNobodyWaitsForEnds, and takes no more memory the longer it goes on.
func TestAnImportThatNobodyWaitsForEnds(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := openWith(t, s, nil)
	ctx, cancel := context.WithCancel(t.Context())
	g := &garbage{}
	read := readerFunc(func(b []byte) (int, error) {
		if g.lines > 200_000 {
			cancel()
		}
		return g.Read(b)
	})
	m, _ := parseMapping(nil)
	got, err := asked(l).importLines(ctx, read, m)
	if err == nil || len(got.Problems) != shownProblems || got.Skipped < 200_000 {
		t.Errorf("%d skipped, %d told, %v", got.Skipped, len(got.Problems), err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	long := strings.Repeat("x", 32<<20)
	if _, err := asked(l).importLines(t.Context(), strings.NewReader(long), m); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<20 {
		t.Errorf("%d MiB for a line that is passed over", n>>20)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// TestWhatCannotBeImported is said, and not waited for.
func TestWhatCannotBeImported(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, storetest.Options(t, store.SQLite, tables()))
	l := openWith(t, s, nil)
	folder := t.TempDir()
	pipe := filepath.Join(folder, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(folder, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, loop, folder, "/dev/zero", filepath.Join(folder, "gone"), "here.jsonl", "", "/\x00"} {
		if _, err := asked(l).importFile(t.Context(), importInput{File: path}); err == nil || len(err.Error()) > 300 {
			t.Errorf("%q: %v", path, err)
		}
	}
}
