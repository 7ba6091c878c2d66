// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast"
)

func show(t *testing.T, print func(Terminal, json.RawMessage, json.RawMessage) error, width int, input, answer string) string {
	t.Helper()
	var out bytes.Buffer
	if err := print(Terminal{Out: &out, Err: &out, Width: width}, json.RawMessage(input), json.RawMessage(answer)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func fits(t *testing.T, text string, width int) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\r\n")); n > width {
			t.Errorf("%d columns in a terminal of %d: %q", n, width, line)
		}
	}
}

func usageOf(units int) string {
	list := make([]string, 0, units)
	for i := range units {
		list = append(list, fmt.Sprintf(`{"name":"unit-%03d","state":"%s","pid":%d,"cpu":%g,"memory":%d,"processes":2,"restarts":%d,"since":"2026-01-31T06:00:00Z"}`,
			i, []string{"ready", "failed", "held"}[i%3], 4000+i, float64(i)/100, (units-i)<<20, i%7))
	}
	return `{"at":"2026-01-31T12:30:00Z","units":[` + strings.Join(list, ",") + `],"house":{"cpu":0.011,"memory":50331648,"processes":1}}`
}

func TestUsageIsATableThatFits(t *testing.T) {
	got := show(t, printUsage, 0, `{}`, usageOf(2))
	want := "UNIT      STATE    PID   CPU   MEMORY  PROCESSES  RESTARTS  SINCE\n" +
		"unit-000  ready   4000  0.0%  2.0 MiB          2         0  6h30m\n" +
		"unit-001  failed  4001  1.0%  1.0 MiB          2         1  6h30m\n" +
		"1 of 2 up, 4 processes, 1.0% CPU, 3.0 MiB; the house itself 1.1%, 48.0 MiB\n"
	if got != want {
		t.Errorf("printed\n%s\nwant\n%s", got, want)
	}
	for _, width := range []int{20, 40, 60, 80} {
		narrow := show(t, printUsage, width, `{}`, usageOf(30))
		fits(t, narrow, width)
		if !strings.Contains(narrow, "unit-0") {
			t.Errorf("width %d: no names:\n%s", width, narrow)
		}
	}
}

func TestAUnitThatDoesNotRunHasNoFigures(t *testing.T) {
	got := show(t, printUsage, 0, `{}`, `{"at":"2026-01-31T12:30:00Z","units":[{"name":"a","state":"held","since":"2026-01-31T12:29:57Z"}],"note":"cannot measure"}`)
	if !strings.Contains(got, "a     held     -    -       -          -         0     3s") || !strings.Contains(got, "cannot measure") {
		t.Errorf("printed\n%s", got)
	}
}

func TestALineOfALogIsHarmlessOnATerminalAndWholeInAPipe(t *testing.T) {
	raw := "\x1b[31mred\x1b[0m \x1b]0;title\x07 a\rb \u202e"
	quoted, err := json.Marshal(raw)
	if err != nil {
		t.Fatal(err)
	}
	answer := `{"entries":[{"at":"2026-01-31T12:00:00Z","unit":"a","stream":"stdout","text":` + string(quoted) + `}]}`
	if got := show(t, printLog, 0, `{"units":["a"]}`, answer); got != raw+"\n" {
		t.Errorf("in a pipe %q", got)
	}
	got := show(t, printLog, 80, `{"units":["a"]}`, answer)
	if strings.ContainsAny(got, "\x1b\x07\r\u202e") || !strings.Contains(got, "red ␛]0;title␇ a␍b �") {
		t.Errorf("on a terminal %q", got)
	}
	if got := harmless("\x1b[1;31mx", true); got != "\x1b[1;31mx\x1b[0m" {
		t.Errorf("a colour does not end: %q", got)
	}
	if got := harmless("\x1b[2J\x1b[1", true); strings.Contains(got, "\x1b") {
		t.Errorf("more than a colour came through: %q", got)
	}
}

func TestMergedLogsNameTheirUnitAndMarkStandardError(t *testing.T) {
	answer := `{"entries":[{"at":"2026-01-31T12:00:00Z","unit":"api","stream":"stdout","text":"up"},{"at":"2026-01-31T12:00:01Z","unit":"worker-of-old","stream":"stderr","text":"lost"}],"cut":true}`
	got := show(t, printLog, 0, `{"units":["api","worker-of-old"]}`, answer)
	if !strings.HasPrefix(got, "api           | up\nworker-of-old ! lost\n") || !strings.Contains(got, "older lines are left out") {
		t.Errorf("printed\n%s", got)
	}
	if got := show(t, printLog, 0, `{}`, `{"entries":[{"unit":"api","text":"x"}]}`); got != "api | x\n" {
		t.Errorf("all units: %q", got)
	}
	if got := show(t, printLog, 80, `{"units":["api"]}`, `{"entries":[{"unit":"api","stream":"stderr","text":"x"}]}`); got != "! x\n" {
		t.Errorf("one unit on a terminal: %q", got)
	}
}

func TestAUnitIsShownInWords(t *testing.T) {
	got := show(t, printUnit, 80, `{}`, `{"name":"notes.backend","owner":"extension notes","state":"blocked","detail":"port 5300 is held by pid 7\u001b[2J","restarts":2,"run":["sh","-c","exec x 'y'"],"dir":"/h",
		"needs":["db: ready"],"restart":"always","limits":{"memory":"512MiB","cpu":0.5,"nofile":1024,"nice":5},"sandbox":{"write":["/h/data"],"network":"off"},"lacks":["memory: no cgroup"]}`)
	for _, want := range []string{
		"notes.backend  blocked  port 5300 is held by pid 7␛[2J", "limits             512MiB of memory, 0.5 cores, 1024 open files each, nice 5",
		"sandbox            no new privileges\n                   network off\n                   writes /h/data", "not enforced here  memory: no cgroup", `sh -c 'exec x '\''y'\'''`, "needs              db: ready",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "pid  ") || strings.Contains(got, "user") {
		t.Errorf("shows what is not there:\n%s", got)
	}
}

func TestHistoryTellsHowLongEachStateHeld(t *testing.T) {
	answer := `{"unit":"a","changes":[{"at":"2026-01-31T12:00:00Z","to":"starting","pid":7},{"at":"2026-01-31T12:00:00.25Z","to":"ready","pid":7,"adopted":true},{"at":"2026-01-31T13:01:00Z","to":"backing-off","detail":"` + strings.Repeat("long ", 40) + `"}]}`
	got := show(t, printHistory, 80, `{}`, answer)
	fits(t, got, 80)
	for _, want := range []string{"starting 250ms", "ready 1h00m adopted", "backing-off", "…"} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	back := `{"changes":[{"at":"2026-01-31T12:00:00Z","to":"starting","pid":7},{"at":"2026-01-31T11:00:01Z","to":"ready","pid":7},{"at":"2026-01-31T11:00:31Z","to":"held"}]}`
	if got := show(t, printHistory, 80, `{}`, back); strings.Contains(got, "ms") || !strings.Contains(got, "starting             7") || !strings.Contains(got, "30s") {
		t.Errorf("after the clock went back:\n%s", got)
	}
	if got := show(t, printHistory, 80, `{}`, `{"changes":[]}`); got != "no changes\n" {
		t.Errorf("printed %q", got)
	}
}

func TestTheGraphDrawsEachUnitBelowWhatItNeeds(t *testing.T) {
	units := []unitAnswer{
		{Name: "db", State: "ready"},
		{Name: "api", State: "ready", Needs: []string{"db"}},
		{Name: "ui", State: "blocked", Detail: "port in use", Needs: []string{"api", "db"}},
		{Name: "tick", State: "held", Needs: []string{"tock"}},
		{Name: "tock", State: "held", Needs: []string{"tick"}},
		{Name: "lost", State: "blocked", Needs: []string{"ghost"}},
		{Name: "log", State: "ready", Needs: []string{"ui"}},
	}
	want := []string{
		"db  ready", "├─ api  ready", "│  └─ ui  blocked  port in use", "│     └─ log  ready", "└─ ui  blocked  (see above)",
		"ghost  missing  nobody declares it", "└─ lost  blocked",
		"tick  held", "└─ tock  held", "   └─ tick  held  (see above)",
	}
	if got := tree(Terminal{}, units); !slices.Equal(got, want) {
		t.Errorf("drew\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestKeysAreTakenApart(t *testing.T) {
	for typed, want := range map[string][]string{
		"q": {"q"}, "\x1b[A\x1b[B": {"up", "down"}, "\x1b[5~x": {"pageup", "x"}, "\x1b": {"escape"}, "\x03": {"interrupt"},
		"é日": {"é", "日"}, "\x1b[1;5Cc": {"c"}, "\x1b[99": nil, "\x1bOHm": {"home", "m"},
	} {
		if got := keysOf([]byte(typed)); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func names(frame []string) string {
	var found []string
	for _, line := range frame {
		if name, _, ok := strings.Cut(line, " "); ok && strings.HasPrefix(name, "unit-") {
			found = append(found, strings.TrimPrefix(name, "unit-"))
		}
	}
	return strings.Join(found, " ")
}

func TestTopSortsScrollsAndFitsAnyScreen(t *testing.T) {
	s := &topState{by: 'c', down: true, past: map[string][]float64{}}
	if err := s.take(json.RawMessage(usageOf(50))); err != nil {
		t.Fatal(err)
	}
	rows := 10
	for _, step := range []struct{ key, shows string }{
		{"", "049 048 047 046 045 044"},
		{"c", "000 001 002 003 004 005"},
		{"m", "000 001 002 003 004 005"},
		{"m", "049 048 047 046 045 044"},
		{"n", "000 001 002 003 004 005"},
		{"down", "001 002 003 004 005 006"},
		{"pagedown", "007 008 009 010 011 012"},
		{"end", "044 045 046 047 048 049"},
		{"down", "044 045 046 047 048 049"},
		{"up", "043 044 045 046 047 048"},
		{"home", "000 001 002 003 004 005"},
		{"r", "006 013 020 027 034 041"},
		{"s", "001 004 007 010 013 016"},
	} {
		if step.key != "" && s.press(step.key, rows) {
			t.Fatalf("%s ends the view", step.key)
		}
		if got := names(s.frame(Terminal{}, 80, rows)); got != step.shows {
			t.Errorf("after %q: %s, want %s", step.key, got, step.shows)
		}
	}
	for _, size := range [][2]int{{20, 3}, {40, 6}, {80, 24}, {100, 30}, {200, 100}, {1, 1}} {
		frame := s.frame(Terminal{}, size[0], size[1])
		if len(frame) > size[1] {
			t.Errorf("%d lines on a screen of %d", len(frame), size[1])
		}
		if size[0] >= 20 {
			fits(t, strings.Join(frame, "\n"), size[0])
		}
	}
	if !s.press("q", rows) || !s.press("interrupt", rows) {
		t.Error("q or Ctrl-C does not end the view")
	}
}

// played is a screen of a test; what is typed comes from a channel.
type played struct {
	mu      sync.Mutex
	drawn   bytes.Buffer
	keys    chan []byte
	resized chan struct{}
	size    [2]int
	closed  bool
}

func (p *played) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.drawn.Write(b)
}

func (p *played) Size() (columns, rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size[0], p.size[1]
}
func (p *played) Keys() <-chan []byte      { return p.keys }
func (p *played) Resized() <-chan struct{} { return p.resized }
func (p *played) Close() error             { p.closed = true; return nil }

// telling is a house that tells events one by one.
type telling struct {
	events chan string
	crash  bool
}

func (c telling) Dispatch(context.Context, string, json.RawMessage, *holdfast.Confirmation) (json.RawMessage, error) {
	return nil, errors.New("nobody asks")
}

func (c telling) Follow(ctx context.Context, _ string, _ json.RawMessage, receive func(json.RawMessage) error) error {
	if c.crash {
		panic("as tests do")
	}
	for {
		select {
		case e, ok := <-c.events:
			if !ok {
				return nil
			}
			if err := receive(json.RawMessage(e)); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestTopLeavesTheTerminalAsItWas(t *testing.T) {
	for name, end := range map[string]func(p *played, c *telling, cancel func()){
		"at q":                 func(p *played, _ *telling, _ func()) { p.keys <- []byte("q") },
		"at Ctrl-C":            func(p *played, _ *telling, _ func()) { p.keys <- []byte{3} },
		"at SIGTERM":           func(_ *played, _ *telling, cancel func()) { cancel() },
		"when the house ends":  func(_ *played, c *telling, _ func()) { close(c.events) },
		"at nonsense":          func(_ *played, c *telling, _ func()) { c.events <- `{"units":7}` },
		"when following fails": nil,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := &played{keys: make(chan []byte), resized: make(chan struct{}), size: [2]int{80, 24}}
			c := &telling{events: make(chan string), crash: end == nil}
			done := make(chan error, 1)
			go func() {
				done <- lookTop(ctx, Terminal{Screen: func() (Screen, error) { return p, nil }}, *c, "unit.usage", json.RawMessage(`{}`))
			}()
			if end != nil {
				c.events <- usageOf(3)
				p.resized <- struct{}{}
				end(p, c, cancel)
			}
			select {
			case err := <-done:
				quiet := name == "at q" || name == "at Ctrl-C" || name == "at SIGTERM"
				if quiet != (err == nil) {
					t.Errorf("ended with %v", err)
				}
			case <-time.After(time.Minute):
				t.Fatal("never ends")
			}
			text := p.drawn.String()
			if !strings.HasPrefix(text, enter) || !strings.HasSuffix(text, leave) || !p.closed {
				t.Errorf("the terminal is left in another state: closed %v, ends in %q", p.closed, text[max(0, len(text)-20):])
			}
		})
	}
}

func TestTopIntoAPipePrintsOneTableAfterAnother(t *testing.T) {
	var out bytes.Buffer
	c := telling{events: make(chan string, 2)}
	c.events <- usageOf(1)
	c.events <- usageOf(2)
	close(c.events)
	if err := lookTop(t.Context(), Terminal{Out: &out}, c, "unit.usage", json.RawMessage(`{}`)); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); strings.Count(got, "UNIT ") != 2 || !strings.Contains(got, "\n\nUNIT ") || strings.Contains(got, "\x1b") {
		t.Errorf("printed\n%s", got)
	}
}

func TestBlocksShowHowHigh(t *testing.T) {
	if got := blocks([]float64{0, 0.05, 2, 1}); got != "  █▄" {
		t.Errorf("drew %q", got)
	}
	if got := blocks([]float64{0, 0.05, 0.1}); got != " ▄█" {
		t.Errorf("drew %q", got)
	}
}
