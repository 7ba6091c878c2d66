// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// A scribbler writes to a log as units and the log keeper do.
type scribbler struct {
	t    *testing.T
	path string
}

func (s scribbler) write(text string) {
	s.t.Helper()
	file, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s scribbler) rotate(to string) {
	s.t.Helper()
	if err := os.Rename(s.path, filepath.Join(filepath.Dir(s.path), to)); err != nil {
		s.t.Fatal(err)
	}
}

func follow(t *testing.T, pattern string) (scribbler, *lines) {
	t.Helper()
	s := scribbler{t, filepath.Join(t.TempDir(), "unit.log")}
	return s, watchLog(t, s, pattern)
}

func watchLog(t *testing.T, s scribbler, pattern string) *lines {
	t.Helper()
	l := newLines(s.path, regexp.MustCompile(pattern), 0)
	t.Cleanup(l.close)
	return l
}

func (l *lines) sees(t *testing.T) bool {
	t.Helper()
	found, err := l.look(context.Background())
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return found
}

func TestLineOfThisLaunchOnly(t *testing.T) {
	s, early := follow(t, "^listening")
	s.write("listening\nmore\n")
	l := watchLog(t, s, "^listening")
	if l.sees(t) {
		t.Error("a line of an earlier launch counts")
	}
	if !early.sees(t) {
		t.Error("a line of a log that was not there at first is missed")
	}
	s.write("liste")
	if l.sees(t) {
		t.Error("half a line counts")
	}
	s.write("ning on 9000\r\n")
	if !l.sees(t) || l.sees(t) {
		t.Error("a line written in two pieces was not seen exactly once")
	}
}

func TestLineThroughRotation(t *testing.T) {
	s, l := follow(t, "needle$")
	s.write("a\n")
	if l.sees(t) {
		t.Error("seen what is not there")
	}
	for i := range 5 {
		s.write(fmt.Sprintf("%d needle\n", i)) // in the old file, just before
		s.rotate(fmt.Sprintf("unit.log.%d", i))
		if !l.sees(t) {
			t.Errorf("the last line before rotation %d is missed", i)
		}
		s.write("hay\n")
		if l.sees(t) {
			t.Error("seen what is not there")
		}
		s.write("needle\n")
		if !l.sees(t) {
			t.Errorf("the first needle after rotation %d is missed", i)
		}
	}
	if err := os.Truncate(s.path, 0); err != nil {
		t.Fatal(err)
	}
	s.write("needle\n")
	if !l.sees(t) {
		t.Error("a line after a truncation is missed")
	}
}

// Several rotations between two looks, some of whose files were compressed meanwhile.
func TestLineThroughManyRotationsAtOnce(t *testing.T) {
	for _, packed := range []bool{false, true} {
		s, l := follow(t, "needle$")
		s.write("hay\n")
		l.sees(t)
		s.rotate("unit.log.20260131T120000000Z")
		s.write("hay\nneedle\n")
		s.rotate("unit.log.20260131T120001000Z")
		if packed {
			pack(t, filepath.Join(filepath.Dir(s.path), "unit.log.20260131T120001000Z"))
		}
		s.write("hay\n")
		s.rotate("unit.log.20260131T120002000Z")
		s.write("more\n")
		if !l.sees(t) {
			t.Errorf("a line of a file that came and went is missed (packed: %v)", packed)
		}
		s.write("needle\n")
		if !l.sees(t) || l.sees(t) {
			t.Errorf("the log that is written now is not read on (packed: %v)", packed)
		}
	}
}

func pack(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(path+".gz", packed.Bytes(), 0o600), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
}

func TestLinesOfTheKeeper(t *testing.T) {
	const at = "2026-01-31T12:00:00.123456789Z "
	for _, c := range []struct {
		text string
		want bool
	}{
		{at + "stdout F ready to serve\n", true},
		{at + "stderr F ready\n", true},
		{at + "stdout F not ready\n", false},
		{at + "stdout P rea\n" + at + "stdout F dy\n", true},
		{at + "stdout P rea\n" + at + "stderr F other\n" + at + "stdout F dy\n", true},
		{at + "stdout P rea\n" + at + "stderr F dy\n", false},
		{"ready without a stamp\n", true},
		{at + "ready\n", false}, // a stamp of its own: the pattern must know it
		{"\x00\xff\xfe\nready\x00\n", true},
		{strings.Repeat("x", 1<<20) + "\nready\n", true},
		{strings.Repeat("x", 1<<20) + "ready\n", false},
	} {
		s, l := follow(t, "^ready")
		s.write(c.text)
		if got := l.sees(t); got != c.want {
			t.Errorf("%.80q: %v", c.text, got)
		}
	}
}

func TestLinesKeepLittle(t *testing.T) {
	s, l := follow(t, "never")
	s.write(strings.Repeat("y", 3<<20))
	l.sees(t)
	if len(l.partial) > lineMost {
		t.Errorf("%d bytes are kept of an endless line", len(l.partial))
	}
	if l.offset != 3<<20 {
		t.Errorf("read %d bytes", l.offset)
	}
	l.close()
	if _, err := l.look(context.Background()); err != nil || l.file != nil {
		t.Error("a closed reader opened the log again")
	}
}

func TestLinesGoOnWhereTheyWereCut(t *testing.T) {
	s, l := follow(t, "needle")
	s.write(strings.Repeat(strings.Repeat("z", 999)+"\n", lookMost/1000+1000) + "needle\n")
	if l.sees(t) {
		t.Error("one look read more than it may")
	}
	if !l.sees(t) {
		t.Error("the next look did not go on")
	}
}

func TestPatience(t *testing.T) {
	begun := time.Now()
	at := func(s int) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	p := patience{sign: "heartbeat", after: 10 * time.Second, began: begun}
	if err := p.judge(at(10)); err == nil || err.Error() != "no sign of it yet" {
		t.Errorf("before the first sign: %v", err)
	}
	if err := p.judge(at(11)); err == nil || err.Error() != "no heartbeat for 11s" {
		t.Errorf("never any sign: %v", err)
	}
	p.saw(at(20))
	if err := p.judge(at(30)); err != nil {
		t.Errorf("in time: %v", err)
	}
	if err := p.judge(at(31)); err == nil {
		t.Error("stale, and it does not say so")
	}
}
