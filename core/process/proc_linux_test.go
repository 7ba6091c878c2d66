// SPDX-License-Identifier: Apache-2.0

package process

import "testing"

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2 9"))
	f.Add([]byte("1 (systemd) Z"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseStat(data)
		if err == nil && s.state == 0 {
			t.Error("a status without a state")
		}
	})
}

func TestParseStat(t *testing.T) {
	s, err := parseStat([]byte("7 (a) b) Z 1 8 9 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 2 9"))
	want := stat{pid: 7, parent: 1, group: 8, session: 9, state: 'Z', start: 12345, threads: 1, ticks: 26, pages: 2, name: "a) b"}
	if err != nil || s != want || !s.dead() {
		t.Errorf("parseStat = %+v %v, want %+v", s, err, want)
	}
}

func FuzzParseMark(f *testing.F) {
	f.Add("house/unit/launch")
	f.Add("h//")
	f.Add("h/a/b/c")
	f.Fuzz(func(t *testing.T, text string) {
		mark, ok := ParseMark(text)
		if ok && mark.String() != text {
			t.Errorf("%q came back as %q", text, mark)
		}
	})
}

func TestFindMarkTakesAMalformedOneAsMarked(t *testing.T) {
	mark, found := findMark([]byte("A=1\x00HOLDFAST_UNIT=nonsense\x00"))
	if !found || mark != UnreadableMark() {
		t.Errorf("findMark = %v %v", mark, found)
	}
	if _, found := findMark([]byte("A=1\x00NOT_HOLDFAST_UNIT=a/b/c\x00")); found {
		t.Error("a mark was found where there is none")
	}
}
