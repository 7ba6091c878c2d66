// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holdfast"
)

// A bench is a user's folder with a scanner over it.
type bench struct {
	t    *testing.T
	home string
	s    *Scanner
	// got is what the ledger would have.
	got map[string]Record
	err error
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, home: t.TempDir(), got: map[string]Record{}}
	b.fresh()
	return b
}

func (b *bench) fresh() {
	b.s = New(Options{Roots: Roots(func(string) string { return "" }, b.home)})
}

func (b *bench) path(name string) string { return filepath.Join(b.home, name) }

func (b *bench) write(name, text string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o700); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) add(name, text string) {
	b.t.Helper()
	file, err := os.OpenFile(b.path(name), os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(text)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) scan() Tick {
	b.t.Helper()
	tick, err := b.s.Scan(b.t.Context(), func(records []Record) error {
		if b.err != nil {
			return b.err
		}
		for _, r := range records {
			delete(b.got, r.Instead)
			if old, again := b.got[r.Key]; !again || r.Usage.Total() > old.Usage.Total() {
				b.got[r.Key] = r
			}
		}
		return nil
	})
	if !errors.Is(err, b.err) {
		b.t.Fatal(err)
	}
	return tick
}

func (b *bench) want(input int64) {
	b.t.Helper()
	var sum holdfast.Usage
	for _, r := range b.got {
		sum = sum.Add(r.Usage)
	}
	if sum.Input != input {
		b.t.Errorf("input %d in %d calls, want %d", sum.Input, len(b.got), input)
	}
}

const (
	talk  = ".claude/projects/-p/s1.jsonl"
	other = ".claude/projects/-p/s2.jsonl"
)

// line is an answer of Claude Code; n names it, unless more says otherwise.
func line(n int, input int64, more string) string {
	return fmt.Sprintf(`{"sessionId":"s1"%s,"requestId":"r%d","timestamp":"2026-11-01T10:00:%02d.000Z","message":{"id":"msg_%d","model":"claude-x","usage":{"input_tokens":%d,"output_tokens":0}}}`,
		more, n, n%60, n, input) + "\n"
}

// TestCacheWritesKeepTheirLife: what is written for five minutes and for an hour has prices of its own,
// and the counter that sums are held against knows no life of it.
func TestCacheWritesKeepTheirLife(t *testing.T) {
	for said, want := range map[string]holdfast.Usage{
		`"cache_creation_input_tokens":30`: {Input: 1, CacheWrite5m: 30},
		`"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}`: {Input: 1, CacheWrite5m: 10, CacheWrite1h: 20},
		`"cache_creation":{"ephemeral_1h_input_tokens":20,"ephemeral_5m_input_tokens":0},"cache_creation_input_tokens":20`:  {Input: 1, CacheWrite1h: 20},
		`"cache_creation_input_tokens":0,"cache_read_input_tokens":7`:                                                       {Input: 1, CachedRead: 7},
	} {
		b := newBench(t)
		b.write(talk, strings.Replace(line(1, 1, ""), `"output_tokens":0`, `"output_tokens":0,`+said, 1))
		b.scan()
		for _, r := range b.got {
			if r.Usage != want {
				t.Errorf("%s is read as %+v", said, r.Usage)
			}
		}
		b.want(1)
	}
}

func TestAHalfWrittenLineWaits(t *testing.T) {
	b := newBench(t)
	whole := line(1, 5, "")
	b.write(talk, line(0, 1, "")+whole[:len(whole)/2])
	b.scan()
	b.want(1)
	b.add(talk, whole[len(whole)/2:len(whole)-1])
	b.scan()
	b.want(6) // it is whole, though its end is missing
	b.add(talk, "\n"+line(2, 10, ""))
	b.scan()
	b.want(16)
}

func TestOnlyWhatIsNewIsRead(t *testing.T) {
	b := newBench(t)
	b.write(talk, strings.Repeat(line(0, 1, ""), 1000))
	first := b.scan()
	if again := b.scan(); again.Read != 0 || again.Bytes != 0 || again.Files != 1 {
		t.Errorf("unchanged, and read: %+v", again)
	}
	b.add(talk, line(1, 2, ""))
	if more := b.scan(); more.Read != 1 || more.Bytes >= first.Bytes/100 {
		t.Errorf("read %d bytes for one line", more.Bytes)
	}
	b.want(3)
}

func TestAFileThatIsNoLongerTheSameIsReadAnew(t *testing.T) {
	long := strings.Repeat(line(1, 1, ""), 20)
	for name, change := range map[string]func(b *bench){
		"cut to a shorter one":               func(b *bench) { b.write(talk, line(2, 10, "")) },
		"cut and grown past the old end":     func(b *bench) { b.write(talk, strings.Repeat(line(2, 10, ""), 40)) },
		"replaced by one as long":            func(b *bench) { b.write(talk, strings.Repeat(line(2, 10, ""), 30)[:len(long)-1]+"\n"+line(2, 10, "")) },
		"another file moved there":           func(b *bench) { b.write("x", line(2, 10, "")); _ = os.Rename(b.path("x"), b.path(talk)) },
		"gone, and another one came":         func(b *bench) { _ = os.Remove(b.path(talk)); b.scan(); b.write(talk, line(2, 10, "")) },
		"moved away, and a new one came":     func(b *bench) { _ = os.Rename(b.path(talk), b.path(other)); b.write(talk, line(2, 10, "")) },
		"the folder was moved away and back": func(b *bench) { b.moveFolder(); b.add(talk, line(2, 10, "")) },
		"replaced, with the old times":       func(b *bench) { b.disguise(strings.Replace(long, "msg_1", "msg_2", 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write(talk, long)
			b.scan()
			b.want(1)
			change(b)
			b.scan()
			b.scan()
			if name == "replaced, with the old times" {
				b.want(2) // msg_2 with r1 is another call than msg_1
				return
			}
			b.want(11)
		})
	}
}

func (b *bench) moveFolder() {
	b.t.Helper()
	if err := os.Rename(b.path(".claude"), b.path("away")); err != nil {
		b.t.Fatal(err)
	}
	b.scan()
	if err := os.Rename(b.path("away"), b.path(".claude")); err != nil {
		b.t.Fatal(err)
	}
}

// disguise writes other bytes of the same length into the file and gives it its old times back.
func (b *bench) disguise(text string) {
	b.t.Helper()
	info, err := os.Stat(b.path(talk))
	if err != nil {
		b.t.Fatal(err)
	}
	b.write(talk, text[:len(text)-1]+" ")
	if err := os.Chtimes(b.path(talk), time.Time{}, info.ModTime()); err != nil {
		b.t.Fatal(err)
	}
	b.write(talk, text[:len(text)-1]+" \n")
}

func TestACallCountsOnceWhoeverTellsIt(t *testing.T) {
	side := `,"isSidechain":true`
	replay := func(input int64) string { return strings.Replace(line(1, input, side), `"r1"`, `"r-side"`, 1) }
	for name, c := range map[string]struct {
		ticks [][2]string // file and line
		want  int64
	}{
		"growing":                                  {[][2]string{{talk, line(1, 1, "")}, {talk, line(1, 7, "")}, {talk, line(1, 3, "")}}, 7},
		"in two sessions":                          {[][2]string{{talk, line(1, 4, "")}, {other, strings.Replace(line(1, 4, ""), `"s1"`, `"s2"`, 1)}}, 4},
		"replayed by a side conversation":          {[][2]string{{talk, line(1, 4, "")}, {talk, replay(900)}}, 4},
		"replayed before":                          {[][2]string{{talk, replay(900)}, {talk, line(1, 4, "")}}, 4},
		"replayed before, under its request":       {[][2]string{{talk, line(1, 900, side)}, {talk, line(1, 4, "")}, {talk, line(1, 6, "")}, {talk, line(1, 901, side)}}, 6},
		"replayed before, in another file":         {[][2]string{{other, replay(900)}, {talk, line(1, 4, "")}, {talk, replay(901)}}, 4},
		"replayed in a copy under another session": {[][2]string{{talk, line(1, 4, "")}, {other, strings.Replace(line(1, 4, ""), `"s1"`, `"s2"`, 1)}, {other, strings.Replace(replay(9), `"s1"`, `"s2"`, 1)}}, 4},
		"of two side conversations the larger":     {[][2]string{{talk, line(1, 2, side)}, {talk, replay(5)}, {talk, replay(3)}}, 5},
		"of two requests":                          {[][2]string{{talk, line(1, 2, "")}, {talk, strings.Replace(line(1, 5, ""), `"r1"`, `"r2"`, 1)}}, 7},
		"without a request, by its message":        {[][2]string{{talk, strings.Replace(line(1, 2, ""), `"requestId":"r1",`, "", 1)}, {talk, strings.Replace(strings.Replace(line(1, 5, ""), `"requestId":"r1",`, "", 1), ":01.", ":09.", 1)}}, 5},
		"without any name each line":               {[][2]string{{talk, strings.Replace(line(1, 2, ""), `"id":"msg_1",`, "", 1)}, {talk, strings.Replace(line(1, 2, ""), `"id":"msg_1",`, "", 1)}}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.write(talk, "")
			b.write(other, "")
			for _, tick := range c.ticks {
				b.add(tick[0], tick[1])
				b.scan()
			}
			b.want(c.want)
			b.fresh() // the state was lost
			b.scan()
			b.want(c.want)
			once := newBench(t)
			for _, tick := range c.ticks {
				once.write(tick[0], "")
			}
			for _, tick := range c.ticks {
				once.add(tick[0], tick[1])
			}
			once.scan()
			once.want(c.want)
		})
	}
}

func TestLinesThatAreNone(t *testing.T) {
	usage := `"usage":{"input_tokens":3,"output_tokens":4`
	at := `"timestamp":"2026-11-01T10:00:00Z"`
	for text, want := range map[string]int{
		``: 0, `{}`: 0, `null`: 0, `[]`: 0, `{"message":`: 0, "\x00\xff": 0,
		`{` + at + `,"message":{` + usage + `}}}`:                                                  1,
		`  { ` + at + ` , "message" : { ` + usage + ` } } }  `:                                     1,
		`{` + at + `,"message":{` + usage + `}},"x":"` + "\xff\xfe" + `"}`:                         1,
		`{` + at + `,"message":{` + usage + `}}} x`:                                                0,
		`{` + at + `,"message":{` + usage + `}}`:                                                   0,
		`{"message":{` + usage + `}}}`:                                                             0,
		`{"timestamp":"yesterday","message":{` + usage + `}}}`:                                     0,
		`{` + at + `,"requestId":null,"message":{` + usage + `}}}`:                                 0,
		`{` + at + `,"requestId":"","message":{` + usage + `}}}`:                                   0,
		`{` + at + `,"message":{"model":null,` + usage + `}}}`:                                     0,
		`{` + at + `,"message":{"content":[{"input":{"id":null}}],` + usage + `}}}`:                1,
		`{` + at + `,"message":{"usage":{"input_tokens":-3,"output_tokens":4}}}`:                   0,
		`{` + at + `,"message":{"usage":{"input_tokens":3.5,"output_tokens":4}}}`:                  0,
		`{` + at + `,"message":{"usage":{"input_tokens":"3","output_tokens":4}}}`:                  0,
		`{` + at + `,"message":{"usage":{"input_tokens":99999999999999999999,"output_tokens":4}}}`: 0,
		`{` + at + `,"message":{"usage":{"output_tokens":4}}}`:                                     0,
		`{` + at + `,"message":{"usage":{"input_tokens":0,"output_tokens":0}}}`:                    0,
		`{` + at + `,"toolUseResult":{` + usage + `}},"message":{"role":"user"}}`:                  0,
		`{` + at + `,"message":{"content":"\"usage\":{\"input_tokens\":3,\"output_tokens\":4}"}}`:  0,
		`{` + at + `,"message":"` + strings.Repeat(`\\`, 999) + `","a":{` + usage + `}}}`:          0,
		`{` + at + `,"version":"dev","message":{` + usage + `}}}`:                                  0,
		`{` + at + `,"version":"2.0.1-beta","message":{` + usage + `}}}`:                           1,
	} {
		b := newBench(t)
		b.write(talk, text+"\n")
		b.scan()
		if len(b.got) != want {
			t.Errorf("%.200q: %d calls, want %d", text, len(b.got), want)
		}
	}
}

func TestLongLines(t *testing.T) {
	b := newBench(t)
	long := strings.Replace(line(1, 5, ""), `"model"`, `"content":"`+strings.Repeat("x\\\"", 5<<20)+`","model"`, 1)
	endless := strings.Repeat("y", maxLine+chunk)
	b.write(talk, line(0, 1, "")+long+endless+"\n"+line(2, 10, "")+long)
	tick := b.scan()
	b.want(16)
	if tick.Passed != 1 {
		t.Errorf("passed over %d lines, want the one of %d bytes", tick.Passed, len(endless))
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	b := newBench(t)
	b.write(talk, line(1, 1, ""))
	if err := os.Symlink(".", b.path(".claude/projects/loop")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("../../..", b.path(".claude/projects/-p/up")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", b.path(".claude/projects/-p/gone.jsonl")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sessions", b.path(".codex-x")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(b.path(".codex"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("sessions", b.path(".codex/sessions")); err != nil { // a link to itself
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(b.path(".claude/projects/-p/pipe.jsonl"), 0o600); err != nil {
		t.Fatal(err)
	}
	tick := b.scan()
	b.want(1)
	if len(tick.Problems) != 1 || !errors.Is(tick.Problems[0].Err, syscall.ELOOP) {
		t.Errorf("problems %+v, want the link to itself", tick.Problems)
	}
}

func TestWhatIsRefusedIsReadAgain(t *testing.T) {
	b := newBench(t)
	b.write(talk, line(1, 1, ""))
	b.err = errors.New("the ledger is closed")
	b.scan()
	b.err = nil
	b.scan()
	b.want(1)
}

func TestGoingOnWhereTheLastOneEnded(t *testing.T) {
	b := newBench(t)
	b.write(talk, line(1, 1, ""))
	b.write(other, "")
	b.scan()
	seen := b.s.Fresh()
	state, err := b.s.State()
	if err != nil {
		t.Fatal(err)
	}
	b.fresh()
	if err := b.s.Restore(state, append(seen, 1, 2, 3)); err != nil {
		t.Fatal(err)
	}
	if tick := b.scan(); tick.Bytes != 0 {
		t.Errorf("read again: %+v", tick)
	}
	b.add(other, strings.Replace(line(1, 70, `,"isSidechain":true`), `"r1"`, `"r2"`, 1))
	b.scan()
	b.want(1)
	for _, broken := range []string{"", "{", `{"version":99}`, `[]`} {
		if New(Options{}).Restore([]byte(broken), nil) == nil {
			t.Errorf("went on from %q", broken)
		}
	}
}

func TestGemini(t *testing.T) {
	b := newBench(t)
	const name = ".gemini/tmp/hash/chats/session-1.json"
	message := `{"id":"m%d","timestamp":"2026-11-01T10:00:00.000Z","type":"gemini","model":"gemini-3-pro","tokens":{"input":100,"output":10,"cached":40,"thoughts":5,"tool":2,"total":117}}`
	head := `{"sessionId":"g1","projectHash":"hash","startTime":"2026-11-01T09:00:00Z","messages":[{"id":"u","type":"user","content":"x"},`
	b.write(name, head+fmt.Sprintf(message, 1)) // being written
	b.scan()
	b.want(0)
	b.write(name, head+fmt.Sprintf(message, 1)+"]}")
	b.scan()
	b.want(62)
	b.write(name, head+fmt.Sprintf(message, 1)+",\n  "+fmt.Sprintf(message, 2)+"]}")
	b.scan()
	b.want(124)
	b.write(".gemini/tmp/hash/chats/session-2.jsonl", `{"sessionId":"g2"}`+"\n"+fmt.Sprintf(message, 1)+"\n")
	b.scan()
	b.want(186)
	b.write(".gemini/tmp/hash/logs.json", "["+fmt.Sprintf(message, 9)+"]")
	b.scan()
	b.want(186)
	for _, r := range b.got {
		if r.Usage != (holdfast.Usage{Input: 62, CachedRead: 40, Output: 15, Reasoning: 5}) || r.Provider != "google" || r.Project != "hash" {
			t.Errorf("%+v", r)
		}
	}
}

func TestTokensOfGemini(t *testing.T) {
	u := func(input, cached, output, reasoning int64) holdfast.Usage {
		return holdfast.Usage{Input: input, CachedRead: cached, Output: output, Reasoning: reasoning}
	}
	for text, want := range map[string]holdfast.Usage{
		`{"input":100,"output":10,"cached":40,"thoughts":5,"tool":2,"total":117}`: u(62, 40, 15, 5),
		`{"input":100,"output":10,"cached":40,"thoughts":5,"tool":2,"total":157}`: u(102, 40, 15, 5),  // beside input
		`{"input":100,"output":10,"cached":40,"thoughts":5,"tool":2,"total":0}`:   u(62, 40, 15, 5),   // the API gave none
		`{"input":100,"output":10,"cached":40}`:                                   u(60, 40, 10, 0),   // nor here
		`{"input":100,"output":10,"cached":40,"total":200}`:                       u(100, 40, 60, 50), // thoughts in the total alone
		`{"input":10,"output":0,"cached":40,"total":10}`:                          u(0, 40, 0, 0),
		`{"total":33}`: u(0, 0, 33, 0),
		`{"input":12.0,"output":-3,"cached":"4","total":12}`: u(12, 0, 0, 0),
		`{"input":1e300,"output":2,"total":2}`:               u(0, 0, 2, 0),
		`{"input":0,"output":0,"total":0}`:                   {},
		`null`:                                               {},
	} {
		if got, _, ok := geminiTokens([]byte(text)); got != want || ok != (want.Total() > 0) {
			t.Errorf("%s: %+v, want %+v", text, got, want)
		}
	}
}

// TestGeminiIsReadFromWhereItEnded, and knows then what stood before.
func TestGeminiIsReadFromWhereItEnded(t *testing.T) {
	b := newBench(t)
	const name = ".gemini/tmp/site/chats/session-1.jsonl"
	message := func(id, more string, input int) string {
		return fmt.Sprintf(`{"id":"%s","type":"gemini"%s,"tokens":{"input":%d,"output":0,"total":%d}}`, id, more, input, input) + "\n"
	}
	const at = `,"timestamp":"2026-11-01T10:00:00.000Z"`
	b.write(name, `{"sessionId":"g1","projectHash":"x","startTime":"2026-11-01T09:00:00Z"}`+"\n"+message("a", at+`,"model":"m"`, 1)+strings.Repeat(`{"$set":{}}`+"\n", 500))
	b.scan()
	b.want(1)
	state, err := b.s.State()
	if err != nil {
		t.Fatal(err)
	}
	b.fresh()
	if err := b.s.Restore(state, nil); err != nil {
		t.Fatal(err)
	}
	b.add(name, message("b", "", 10)+message("a", at, 3)+message("", "", 100)+message("", "", 1000)+`{"id":"c"`)
	if tick := b.scan(); tick.Bytes == 0 || tick.Bytes > 600 {
		t.Errorf("read %d bytes", tick.Bytes)
	}
	b.want(1113)
	for _, r := range b.got {
		if r.Session != "g1" || r.Model != "m" || r.Time.Format(time.DateOnly) != "2026-11-01" {
			t.Errorf("%+v", r)
		}
	}
	// The project was given a name, and its folder copied; a whole file was taken over into lines.
	text, err := os.ReadFile(b.path(name))
	if err != nil {
		t.Fatal(err)
	}
	b.write(".gemini/tmp/renamed/chats/session-1.jsonl", string(text))
	b.write(".gemini/tmp/site/chats/session-1.json", `{"sessionId":"g1","startTime":"2026-11-01T09:00:00Z","messages":[`+strings.TrimSpace(message("a", at+`,"model":"m"`, 1))+`]}`)
	b.scan()
	b.want(1113)
}

func TestOpenCode(t *testing.T) {
	b := newBench(t)
	const folder = ".local/share/opencode/storage/message/ses_1/"
	b.write(folder+"msg_1.json", `{"id":"msg_1","sessionID":"ses_1","role":"user","time":{"created":1793527200000}}`)
	b.write(folder+"msg_2.json", `{"id":"msg_2","sessionID":"ses_1","role":"assistant","modelID":"claude-x","providerID":"anthropic","cost":0.25,"time":{"created":1793527200123},"tokens":{"input":7,"output":8,"reasoning":2,"cache":{"read":9,"write":3}}}`)
	b.scan()
	b.want(7)
	for _, r := range b.got {
		if r.Usage != (holdfast.Usage{Input: 7, CachedRead: 9, CacheWrite5m: 3, Output: 10, Reasoning: 2}) || r.Nano != 25e7 || !r.Priced || r.Session != "ses_1" {
			t.Errorf("%+v", r)
		}
	}
}

func TestRoots(t *testing.T) {
	environment := map[string]string{"CLAUDE_CONFIG_DIR": " /a , ~/b/projects,,", "CODEX_HOME": "/c"}
	var got []string
	for _, r := range Roots(func(name string) string { return environment[name] }, "/home/me") {
		got = append(got, string(r.Source)+" "+r.Path)
	}
	want := "claude /a/projects|claude /home/me/b/projects|codex /c/sessions|codex /c/archived_sessions|gemini /home/me/.gemini/tmp|opencode /home/me/.local/share/opencode/storage/message"
	if strings.Join(got, "|") != want {
		t.Errorf("%s\nwant %s", strings.Join(got, "|"), want)
	}
}

// TestAForkThatIsBeingWritten looks while the fork still repeats its parent.
func TestAForkThatIsBeingWritten(t *testing.T) {
	b := newBench(t)
	event := func(at, total, last int) string {
		return fmt.Sprintf(`{"timestamp":"2026-11-01T10:%02d:00.%03dZ","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":%d,"output_tokens":0,"total_tokens":%d},"last_token_usage":{"input_tokens":%d,"output_tokens":0,"total_tokens":%d}}}}`,
			at, at, total, total, last, last) + "\n"
	}
	meta := func(id, more string, at int) string {
		return fmt.Sprintf(`{"timestamp":"2026-11-01T10:%02d:00.000Z","type":"session_meta","payload":{"id":"%s"%s}}`, at, id, more) + "\n"
	}
	const parent, fork = ".codex/sessions/2026/11/01/p.jsonl", ".codex/sessions/2026/11/01/q.jsonl"
	b.write(parent, meta("P", "", 1)+event(2, 10, 10)+event(3, 30, 20))
	text := meta("Q", `,"forked_from_id":"P"`, 9) + event(10, 10, 10) + event(10, 30, 20) + event(11, 34, 4)
	b.write(fork, "")
	for at := 0; at < len(text); at += 37 {
		b.add(fork, text[at:min(at+37, len(text))])
		b.scan()
	}
	b.want(34)
	b.add(parent, event(12, 35, 5)) // the parent goes on
	b.add(fork, event(13, 40, 6))
	b.scan()
	b.want(45)
}

func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		line(1, 5, ""), line(1, 5, `,"isSidechain":true,"version":"1.2.3"`), `{"message":{"usage":{"iterations":[{"type":"advisor_message"`,
		`{"timestamp":"2026-11-01T10:00:00.000Z","type":"session_meta","payload":{"id":"a","source":{"subagent":{"thread_spawn":{"parent_thread_id":"b"}}}}}` + "\n" +
			`{"timestamp":"2026-11-01T10:00:00.000Z","type":"event_msg","payload":{"type":"token_count","info":{"last_token_usage":{"input_tokens":5}}}}`,
		`{"sessionId":"x","messages":[{"type":"gemini","tokens":{"input":1e3,"total":12.5}}]}`, `{"id":"m","tokens":{"cache":{"read":1}},"time":{"created":1}}`,
		"\"\\", "{\"a\\", `{"":{"":[[[[`, "[", "{\"usage\":", "\xff\xfe{}",
	} {
		f.Add([]byte(seed), uint16(len(seed)/2))
	}
	f.Fuzz(func(t *testing.T, text []byte, cut uint16) {
		folder := t.TempDir()
		names := map[Source]string{Claude: "c/s.jsonl", Codex: "x/s.jsonl", Gemini: "g/chats/s.json", OpenCode: "o/s.json"}
		var roots []Root
		for source, name := range names {
			roots = append(roots, Root{source, filepath.Join(folder, strings.Split(name, "/")[0])})
			if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, name), text[:min(int(cut), len(text))], 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := New(Options{Roots: roots})
		check := func(records []Record) error {
			for _, r := range records {
				u := r.Usage
				if r.Key == "" || u.Total() <= 0 || min(u.Input, u.CachedRead, u.CacheWrite5m, u.CacheWrite1h, u.Output, u.Reasoning) < 0 {
					t.Errorf("%+v", r)
				}
			}
			return nil
		}
		for range 2 {
			if _, err := s.Scan(t.Context(), check); err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := s.State(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":"b\\","c":[1,{"d":null}]}`))
	f.Add([]byte(`{"":0"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		whole := members(text, func(key, value []byte) {
			if !bytes.Contains(text, key) || !bytes.Contains(text, value) {
				t.Errorf("%q: %q", key, value)
			}
		})
		if whole && (len(text) == 0 || afterValue(text, space(text, 0)) < 0) {
			t.Errorf("%q is whole and has no end", text)
		}
	})
}
