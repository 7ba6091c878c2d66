// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/joho/godotenv"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/home/disk"
)

const sample = "# the keys\r\n\r\nexport A=plain # why\r\nB='single $X'\r\nC=\"two\\nlines\"\r\nD=\"\r\nreally\r\ntwo\"\r\n\r\nE=\r\nF: colon\r\nA2=${A}\r\n"

func newKeys(t *testing.T, text string) *Keys {
	t.Helper()
	h := home.At(t.TempDir())
	if err := h.Ensure(); err != nil {
		t.Fatal(err)
	}
	if text != "" {
		if err := os.WriteFile(h.EnvFile(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return New(h)
}

func file(t *testing.T, k *Keys) string {
	t.Helper()
	text, err := os.ReadFile(k.home.EnvFile())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func set(t *testing.T, k *Keys, name, value string) {
	t.Helper()
	if err := k.Set(t.Context(), name, holdfast.NewSecret(value)); err != nil {
		t.Fatal(err)
	}
	if got, ok := k.Get(name); !ok || !got.Equal(value) {
		t.Errorf("in memory %s is %q", name, got.Reveal())
	}
	read, err := godotenv.Read(k.home.EnvFile())
	if err != nil || read[name] != value {
		t.Errorf("on disk %s is %q, %v", name, read[name], err)
	}
}

func TestValues(t *testing.T) {
	k := newKeys(t, sample)
	want := map[string]string{
		"A": "plain", "B": "single $X", "C": "two\nlines", "D": "\nreally\ntwo", "E": "", "F": "colon", "A2": "plain",
	}
	got := map[string]string{}
	for _, name := range k.Names() {
		value, _ := k.Get(name)
		got[name] = value.Reveal()
	}
	if !maps.Equal(got, want) || len(k.Problems()) > 0 {
		t.Errorf("got %q, problems %v", got, k.Problems())
	}
	if want := []string{"A", "B", "C", "D", "E", "F", "A2"}; !slices.Equal(k.Names(), want) {
		t.Errorf("order %v", k.Names())
	}
}

func TestChangesKeepTheRest(t *testing.T) {
	k := newKeys(t, sample)
	set(t, k, "A", "changed")
	set(t, k, "D", "one")
	set(t, k, "NEW", "v")
	if err := k.Delete(t.Context(), "C"); err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(sample, "plain", "changed", 1)
	want = strings.Replace(want, "\"\r\nreally\r\ntwo\"", "one", 1)
	want = strings.Replace(want, "C=\"two\\nlines\"\r\n", "", 1) + "NEW=v\r\n"
	if got := file(t, k); got != want {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
	if info, err := os.Stat(k.home.EnvFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestHardValues(t *testing.T) {
	k := newKeys(t, "")
	for i, value := range []string{
		"", "plain", " spaces ", "a#b", "a #b", "#x", "quote'd", `double"d`, `both'"`, "$HOME", "${X}", "`x`", "a\\b", "a\\\\b", "\ttab",
		"line\nline", "crlf\r\nline", "ümlaut", "=", "a=b", "export A=1", "postgres://u:p@h/d?x=1&y=2", "-----BEGIN KEY-----\nabc\n-----END KEY-----\n", "{\"json\": \"x\"}",
	} {
		set(t, k, fmt.Sprintf("K%d", i), value)
	}
	for _, value := range []string{"a'\\", "\\"} {
		// What cannot be written so that it reads back is refused, and never stored as something else.
		err := k.Set(t.Context(), "HARD", holdfast.NewSecret(value))
		got, ok := k.Get("HARD")
		if err == nil && !got.Equal(value) || err != nil && ok {
			t.Errorf("%q: stored %q, %v", value, got.Reveal(), err)
		}
	}
	for _, bad := range []string{"", "1A", "A B", "A=B", "A-B", "Ä"} {
		if err := k.Set(t.Context(), bad, holdfast.NewSecret("v")); err == nil {
			t.Errorf("the name %q was taken", bad)
		}
	}
	if err := k.Set(t.Context(), "NUL", holdfast.NewSecret("a\x00b")); err == nil {
		t.Error("a NUL was taken")
	}
}

func TestProblemsHoldNoValue(t *testing.T) {
	const secret = "hunter2hunter2"
	k := newKeys(t, "A=1\nnonsense "+secret+"\nB C="+secret+"\nA=2\nQ=\"ok\" "+secret+"\nZ='"+secret+"\n")
	text := fmt.Sprint(k.Problems())
	for _, want := range []string{".env:2:1", ".env:3:1", ".env:4:1: A: is set again, first in line 1", ".env:5:1", ".env:6:1", "never closed"} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in %s", want, text)
		}
	}
	if strings.Contains(text, secret) {
		t.Errorf("a value shows: %s", text)
	}
	if a, _ := k.Get("A"); !a.Equal("2") {
		t.Errorf("A is %q, want the last one", a.Reveal())
	}
	set(t, newKeys(t, "A=1\nA=2\n"), "A", "3")
}

func TestBadLinesStayWhereTheyAre(t *testing.T) {
	k := newKeys(t, "what is this\nA=1\n")
	if err := k.Set(t.Context(), "A", holdfast.NewSecret("2")); err != nil {
		t.Fatal(err)
	}
	if got := file(t, k); got != "what is this\nA=2\n" {
		t.Errorf("got %q", got)
	}
}

func TestModeIsNarrowedAndTold(t *testing.T) {
	k := newKeys(t, "A=1\n")
	if err := os.Chmod(k.home.EnvFile(), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := k.Load(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(k.home.EnvFile())
	if err != nil || info.Mode().Perm() != 0o600 || !strings.Contains(fmt.Sprint(k.Problems()), "0644") {
		t.Errorf("mode %v, told %v", info.Mode(), k.Problems())
	}
}

func TestChangeOfAnEditorIsKept(t *testing.T) {
	k := newKeys(t, "A=1\n")
	if _, ok := k.Get("A"); !ok {
		t.Fatal("no A")
	}
	if err := os.WriteFile(k.home.EnvFile(), []byte("A=1\nB=by hand\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	set(t, k, "C", "3")
	if b, _ := k.Get("B"); !b.Equal("by hand") || !strings.Contains(file(t, k), "by hand") {
		t.Error("what was written by hand is lost")
	}
}

func TestRestore(t *testing.T) {
	k := newKeys(t, "")
	set(t, k, "A", "one")
	set(t, k, "A", "two")
	restore := func(want string) {
		t.Helper()
		if err := k.Restore(t.Context(), "A"); err != nil {
			t.Fatal(err)
		}
		if got, _ := k.Get("A"); !got.Equal(want) {
			t.Errorf("restored %q, want %q", got.Reveal(), want)
		}
	}
	restore("one")
	restore("two")
	if err := k.Delete(t.Context(), "A"); err != nil {
		t.Fatal(err)
	}
	if _, ok := k.Get("A"); ok {
		t.Error("deleted and there")
	}
	restore("two")
	if err := k.Restore(t.Context(), "NEVER"); err == nil {
		t.Error("restored what never was")
	}
	if err := k.Delete(t.Context(), "NEVER"); err == nil {
		t.Error("deleted what never was")
	}
	info, err := os.Stat(k.historyFile())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the history is %v, %v", info, err)
	}
	k.now = func() time.Time { return time.Now().Add(keepFor + time.Hour) }
	if err := k.Restore(t.Context(), "A"); err == nil {
		t.Error("restored what is too old")
	}
}

func TestGenerate(t *testing.T) {
	k := newKeys(t, "")
	first, made, err := k.Generate(t.Context(), "AGENT_API_KEY", "sk-")
	if err != nil || !made || !strings.HasPrefix(first.Reveal(), "sk-") || len(first.Reveal()) != 46 {
		t.Fatal(first.Reveal(), made, err)
	}
	again, made, err := New(k.home).Generate(t.Context(), "AGENT_API_KEY", "sk-")
	if err != nil || made || !again.Equal(first.Reveal()) {
		t.Error(again.Reveal(), made, err)
	}
}

func TestManyAtOnce(t *testing.T) {
	k := newKeys(t, "")
	var writers sync.WaitGroup
	for i := range 20 {
		writers.Go(func() {
			if err := k.Set(t.Context(), fmt.Sprintf("K%d", i), holdfast.NewSecret("v")); err != nil {
				t.Error(err)
			}
			k.Get("K0")
		})
	}
	writers.Wait()
	if n := len(k.Names()); n != 20 {
		t.Errorf("%d keys", n)
	}
}

var errStop = errors.New("stopped here")

// TestChangeStoppedAnywhere stops a delete at every step on the disk: the key is there, or it is
// gone and comes back.
func TestChangeStoppedAnywhere(t *testing.T) {
	for n := 0; ; n++ {
		k := newKeys(t, "A=one\nB=2\n")
		seen, stopped := 0, false
		k.disk.Watch = func(disk.Event) error {
			if seen++; seen > n {
				stopped = true
				return errStop
			}
			return nil
		}
		err := k.Delete(t.Context(), "A")
		if !stopped {
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		next := New(k.home)
		if _, ok := next.Get("A"); !ok {
			if err := next.Restore(t.Context(), "A"); err != nil {
				t.Errorf("step %d: %v", n, err)
			}
		}
		if a, _ := next.Get("A"); !a.Equal("one") {
			t.Errorf("step %d: A is lost", n)
		}
		if b, _ := next.Get("B"); !b.Equal("2") {
			t.Errorf("step %d: B is lost", n)
		}
	}
}

// FuzzDotenv reads any bytes as .env, changes it, and reads it again: never a panic, the change is
// there, and nothing else is another.
func FuzzDotenv(f *testing.F) {
	for _, seed := range []string{sample, "", "A", "=", "A=\"", "A='x' y", "export", "export A", "A=1\nA=2", "\xef\xbb\xbfA=1", "A=$A", "A=\\", "A:\n", "#", "A=\"\\\"\"", "A=a\rB=b"} {
		f.Add([]byte(seed), "v")
	}
	f.Fuzz(func(t *testing.T, text []byte, value string) {
		d := parseDotenv(".env", text)
		if len(d.problems) == 0 && string(d.bytes()) != string(text) {
			t.Fatalf("%q became %q", text, d.bytes())
		}
		before := maps.Clone(d.values)
		if strings.ContainsRune(value, 0) || badByte(text) >= 0 || badByte([]byte(value)) >= 0 || d.set("FUZZED", value) != nil {
			return
		}
		after := parseDotenv(".env", d.bytes())
		if after.values["FUZZED"] != value && !unclosed(d) {
			t.Fatalf("%q with FUZZED=%q became %q, which gives %q", text, value, d.bytes(), after.values["FUZZED"])
		}
		for name, old := range before {
			if name != "FUZZED" && !strings.Contains(string(text), "$") && after.values[name] != old {
				t.Fatalf("%s was %q and is %q", name, old, after.values[name])
			}
		}
	})
}

// unclosed tells whether a quote is never closed: a line added after it is closed by its value.
func unclosed(d *dotenv) bool {
	return slices.ContainsFunc(d.problems, func(p holdfast.Problem) bool { return strings.Contains(p.Message, "never closed") })
}
