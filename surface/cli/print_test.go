// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"holdfast"
	"holdfast/core/action"
	"holdfast/surface/api"
	"holdfast/surface/cli"
)

func printed(t *testing.T, width int, answer string) string {
	t.Helper()
	var out bytes.Buffer
	if err := cli.Print(cli.Terminal{Out: &out, Width: width}, json.RawMessage(answer), false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestPrint(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"an empty list says so":              {`{"approvals":[]}`, "no approvals\n"},
		"an empty object says so":            {`{}`, "nothing\n"},
		"names of keys stay as they are":     {`{"AGENT_API_KEY":"sk-x"}`, "AGENT_API_KEY  sk-x\n"},
		"a time that never was is not shown": {`{"name":"a","since":"0001-01-01T00:00:00Z"}`, "name  a\n"},
		"columns stand as they are declared": {
			`{"units":[{"name":"a","since":"x","log":"l"},{"name":"b","pid":7,"since":"y","log":"l"}]}`,
			"NAME  PID  SINCE  LOG\na          x      l\nb       7  y      l\n",
		},
		"the fullest row knows the order best": {
			`{"events":[{"event":"set","by":"ada","detail":"x"},{"event":"warned","scope":"house","limit":"day","by":"b","detail":"y"}]}`,
			"EVENT   SCOPE  LIMIT  BY   DETAIL\nset                   ada  x\nwarned  house  day    b    y\n",
		},
		"numbers stand below one another, their thousands parted where they count": {
			`{"rows":[{"name":"a","input":12,"cost":"$0.64","pid":31279},{"name":"b","input":1234567,"cost":"?","pid":7}]}`,
			"NAME      INPUT   COST    PID\na            12  $0.64  31279\nb     1,234,567      ?      7\n",
		},
		"a large object has lines of its own": {
			`{"state":"armed","thresholds":{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"hard_cap_per_day":100000}}`,
			"state  armed\n\nTHRESHOLDS\na                 1\nb                 2\nc                 3\nd                 4\ne                 5\nf                 6\ng                 7\nhard cap per day  100,000\n",
		},
		"rows stay a table however deep they are": {
			`{"entries":[{"sequence":1,"detail":{"from":{"at":{"deep":1}}}}]}`,
			"SEQUENCE  DETAIL\n1         from at deep 1\n",
		},
		"of a long text the first paragraph": {`{"tools":[{"name":"a","summary":"Adds.\n\nExample"}]}`, "NAME  SUMMARY\na     Adds.\n"},
		"a document is JSON":                 {`{"schema":{"a":{"b":{"c":1}}}}`, "{\n  \"schema\": {\n    \"a\": {\n      \"b\": {\n        \"c\": 1\n      }\n    }\n  }\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := printed(t, 0, c.answer); got != c.want {
				t.Errorf("printed\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestNarrowTerminal holds that every line fits and that no unit loses its name.
func TestNarrowTerminal(t *testing.T) {
	answer := `{"units":[
		{"name":"notes.backend","owner":"extension notes","state":"ready","pid":31279,"port":5300,"since":"` + time.Now().Format(time.RFC3339Nano) + `","restarts":0,"last_check":"2026-01-31T12:00:00Z","log":"var/logs/notes__service_backend.log"},
		{"name":"notes.ui","owner":"extension notes","state":"backing-off","detail":"exited with status 127; starts again in 2.2s","since":"2026-01-31T12:00:00Z","restarts":2,"log":"var/logs/notes_ui.log"}]}`
	for _, width := range []int{60, 80, 100, 200} {
		got := printed(t, width, answer)
		for line := range strings.Lines(got) {
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > width {
				t.Errorf("%d columns in a terminal of %d:\n%s", n, width, got)
			}
		}
		if !strings.Contains(got, "notes.backend ") {
			t.Errorf("width %d: a name is cut\n%s", width, got)
		}
	}
}

// typing is a terminal at which nobody types anything.
type typing struct{ asked chan struct{} }

func (k typing) Read([]byte) (int, error) {
	close(k.asked)
	select {}
}

func TestAnInterruptEndsAQuestion(t *testing.T) {
	r := registry(t)
	asked := make(chan struct{})
	ctx, interrupt := context.WithCancel(t.Context())
	home := ""
	root := cli.New(cli.Options{
		Registry: r, Version: "test", Home: &home,
		Terminal: cli.Terminal{In: typing{asked}, Out: io.Discard, Err: io.Discard, Interactive: true},
		Connect: func(context.Context, holdfast.Action) (cli.Caller, func() error, error) {
			return cli.Local{Registry: r, Caller: api.Terminal()}, func() error { return nil }, nil
		},
	})
	root.SetArgs([]string{"thing", "delete", "zed"})
	go func() { <-asked; interrupt() }()
	err := root.ExecuteContext(ctx)
	if err == nil || !strings.Contains(err.Error(), "interrupted") || cli.Exit(err) != 1 {
		t.Errorf("got %v, exit %d", err, cli.Exit(err))
	}
}

func TestAShortFormOfANounsOwnNameIsDescribed(t *testing.T) {
	r := registry(t)
	show := holdfast.Action{Name: "link.create", Short: "link", Summary: "Make a link", Examples: []string{"holdfast link"}, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead}
	if err := r.Add(action.NewAction(show, func(context.Context, action.Nothing) (out, error) { return out{}, errors.New("made") })); err != nil {
		t.Fatal(err)
	}
	caller := cli.Local{Registry: r, Caller: api.Terminal()}
	if stdout, _, _ := over(t, r, caller, false, "", "link", "--help"); !strings.Contains(stdout, "Make a link.") || !strings.Contains(stdout, "\n  holdfast link\n") {
		t.Errorf("help:\n%s", stdout)
	}
	if _, stderr, exit := over(t, r, caller, false, "", "link"); exit != 1 || !strings.Contains(stderr, "made") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
	if _, stderr, exit := over(t, r, caller, false, "", "link", "craete"); exit != 2 || !strings.Contains(stderr, "did you mean `holdfast link create`") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
}

func TestARelativePathIsTakenFromWhereTheCommandRuns(t *testing.T) {
	r := registry(t)
	t.Chdir(t.TempDir())
	here, err := filepath.Abs("old.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	type file struct {
		File string `json:"file" pos:"1" path:"true"`
	}
	seen := ""
	read := holdfast.Action{Name: "file.read", Summary: "Read a file", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead}
	if err := r.Add(action.NewAction(read, func(_ context.Context, in file) (out, error) { seen = in.File; return out{}, nil })); err != nil {
		t.Fatal(err)
	}
	caller := cli.Local{Registry: r, Caller: api.Terminal()}
	for given, want := range map[string]string{"old.jsonl": here, "/far/away": "/far/away", "": ""} {
		args := []string{"file", "read"}
		if given != "" {
			args = append(args, given)
		}
		if _, stderr, exit := over(t, r, caller, false, "", args...); exit != 0 || seen != want {
			t.Errorf("%q became %q, want %q: exit %d %s", given, seen, want, exit, stderr)
		}
	}
}
