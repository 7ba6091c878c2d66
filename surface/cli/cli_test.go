// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/store"
	"holdfast/core/store/storetest"
	"holdfast/surface/api"
	"holdfast/surface/cli"
)

type quiet struct{}

func (quiet) Append(_ context.Context, e holdfast.Entry) (holdfast.Entry, error) { return e, nil }
func (quiet) Action(string, holdfast.Outcome, time.Duration)                     {}
func (quiet) Refusal(string)                                                     {}

type in struct {
	Name  string          `json:"name" required:"true" pos:"1" help:"whose"`
	Tags  []string        `json:"tags" help:"words"`
	Mode  string          `json:"mode" enum:"fast,slow" default:"fast"`
	Token holdfast.Secret `json:"token"`
}

type row struct {
	Unit  string    `json:"unit"`
	State string    `json:"state"`
	Since time.Time `json:"since"`
	Empty string    `json:"empty"`
}

type out struct {
	Name   string `json:"name"`
	Length int    `json:"token_length"`
	Rows   []row  `json:"rows"`
}

type said struct {
	Text   string `json:"text"`
	Failed bool   `json:"failed,omitempty"`
}

func registry(t *testing.T) *action.Registry {
	t.Helper()
	r, err := action.NewRegistry(action.Needs{
		Journal: quiet{}, Meter: quiet{}, Log: slog.New(slog.DiscardHandler),
		Store: storetest.SQLite(t, []store.Migration{{Package: "action", FS: action.Migrations()}}),
		Seal:  func() ([]byte, error) { return bytes.Repeat([]byte("k"), 32), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	echo := func(_ context.Context, i in) (out, error) {
		return out{Name: i.Name + " " + strings.Join(i.Tags, "+") + " " + i.Mode, Length: len(i.Token.Reveal()), Rows: []row{{"notes.ui", "ready", time.Unix(0, 0), ""}}}, nil
	}
	fail := func(err error) func(context.Context, action.Nothing) (out, error) {
		return func(context.Context, action.Nothing) (out, error) { return out{}, err }
	}
	read := func(name string) holdfast.Action {
		return holdfast.Action{Name: name, Summary: "Test " + name, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead}
	}
	show := read("thing.show")
	show.Short = "show"
	err = r.Add(
		action.NewAction(show, echo),
		action.NewAction(read("fail.plain"), fail(errors.New("it broke"))),
		action.NewAction(read("fail.refused"), fail(&holdfast.Refusal{Guard: "breaker", Reason: "halted", Remedy: "resume"})),
		action.NewAction(read("tool.call"), func(_ context.Context, i in) (said, error) { return said{"said " + i.Name, i.Name == "broken"}, nil }),
		action.NewAction(read("fail.missing"), fail(holdfast.Errorf(holdfast.CodeNotFound, "no such thing"))),
		action.NewAction(read("fail.waits"), fail(&holdfast.Pending{ID: "abc"})),
		action.NewDestroyer(holdfast.Action{
			Name: "thing.delete", Summary: "Delete", Tier: holdfast.TierOperator,
			Categories: []holdfast.Category{{Name: "files", Summary: "f", Returns: holdfast.ReturnsFromTrash}, {Name: "rows", Summary: "r", Returns: holdfast.ReturnsNever}},
		}, func(context.Context, in) ([]holdfast.Category, error) {
			return []holdfast.Category{{Name: "files", Items: []holdfast.Item{{ID: "a.txt", Kind: "file", Bytes: 5}}}, {Name: "rows", Items: []holdfast.Item{{ID: "t", Kind: "table", Rows: 3}}}}, nil
		}, func(_ context.Context, i in) (out, error) { return out{Name: "deleted " + i.Name}, nil }),
	)
	if err != nil {
		t.Fatal(err)
	}
	err = r.AddStreams(holdfast.Stream{Action: "thing.show", Run: func(_ context.Context, i any, send func(any) error) error {
		for _, state := range []string{"starting", "ready"} {
			if err := send(row{Unit: i.(in).Name, State: state}); err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// over runs a command line against a caller and returns what it printed and its exit status.
func over(t *testing.T, r *action.Registry, caller cli.Caller, interactive bool, typed string, args ...string) (stdout, stderr string, exit int) {
	t.Helper()
	var o, e bytes.Buffer
	home := ""
	root := cli.New(cli.Options{
		Registry: r, Version: "test", Home: &home,
		Terminal: cli.Terminal{In: strings.NewReader(typed), Out: &o, Err: &e, Interactive: interactive},
		Connect: func(context.Context, holdfast.Action) (cli.Caller, func() error, error) {
			if caller == nil {
				return nil, nil, cli.ErrNoHouse
			}
			return caller, func() error { return nil }, nil
		},
	})
	root.SetArgs(args)
	err := root.ExecuteContext(t.Context())
	if err != nil {
		cli.PrintError(&e, err)
	}
	return o.String(), e.String(), cli.Exit(err)
}

// each runs a test with the registry in process and behind a control socket: the answers must agree.
func each(t *testing.T, test func(t *testing.T, r *action.Registry, c cli.Caller)) {
	t.Run("in process", func(t *testing.T) {
		r := registry(t)
		test(t, r, cli.Local{Registry: r, Caller: api.Terminal()})
	})
	t.Run("over the socket", func(t *testing.T) {
		r := registry(t)
		control := (&api.Server{Registry: r, Hub: http.NotFoundHandler(), Log: slog.New(slog.DiscardHandler)}).Control()
		live := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			control.ServeHTTP(w, q.WithContext(holdfast.WithCaller(q.Context(), api.Terminal())))
		}))
		t.Cleanup(live.Close)
		test(t, r, cli.NewRemote(func(ctx context.Context) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", live.Listener.Addr().String())
		}))
	})
}

func TestExitStatus(t *testing.T) {
	each(t, func(t *testing.T, r *action.Registry, c cli.Caller) {
		for _, test := range []struct {
			args string
			exit int
			says string
		}{
			{"thing show zed", 0, ""},
			{"show zed", 0, ""},
			{"fail plain", 1, "it broke"},
			{"fail missing", 1, "no such thing"},
			{"fail refused", 3, "breaker: halted; resume"},
			{"tool call fine", 0, ""},
			{"tool call broken", 1, "broken failed: said broken"},
			{"tool call broken --json", 1, "broken failed: said broken"},
			{"fail waits", 5, "approval allow abc"},
			{"thing show", 2, "name: is required"},
			{"thing show zed extra", 2, "one argument too many"},
			{"thing show zed --mode fsat", 2, "want fast, slow"},
			{"thing show zed --nonsense", 2, "unknown flag"},
			{"thing shwo", 2, "did you mean `holdfast thing show`?"},
			{"thng", 2, "did you mean `holdfast thing`?"},
			{"delete zed", 2, "did you mean `holdfast thing delete`?"},
			{"thing delete zed", 3, "give --confirm files"},
			{"thing delete zed --yes", 3, "give --confirm files"},
			{"thing delete zed --confirm files", 3, "give --confirm rows"},
			{"thing delete zed --confirm files --confirm rows", 0, ""},
		} {
			_, stderr, exit := over(t, r, c, false, "", strings.Fields(test.args)...)
			if exit != test.exit || !strings.Contains(stderr, test.says) {
				t.Errorf("%s: exit %d, says %q; want %d and %q", test.args, exit, stderr, test.exit, test.says)
			}
		}
	})
}

// TestAnAllowedCallThatFailedIsAFailure: the request is allowed all the same, and made once.
func TestAnAllowedCallThatFailedIsAFailure(t *testing.T) {
	each(t, func(t *testing.T, r *action.Registry, c cli.Caller) {
		queue := r.Queue("tool")
		queue.Carry(&action.Carrier{Carry: func(_ context.Context, h action.Held) (json.RawMessage, error) {
			return json.Marshal(said{"said " + h.What, h.What == "broken"})
		}})
		none := func(context.Context, store.Tx) error { return nil }
		for i, test := range []struct {
			what string
			args []string
			exit int
		}{{"fine", nil, 0}, {"broken", nil, 1}, {"broken", []string{"--json"}, 1}} {
			id := fmt.Sprintf("held%d", i)
			held := action.Held{ID: id, What: test.what, Subject: "agent", Expires: time.Now().Add(time.Hour)}
			if err := queue.Hold(t.Context(), holdfast.Caller{Kind: holdfast.CallerAgent, Name: "key"}, none, held); err != nil {
				t.Fatal(err)
			}
			stdout, stderr, exit := over(t, r, c, false, "", append([]string{"approval", "allow", id}, test.args...)...)
			if exit != test.exit || (exit == 1) != strings.Contains(stderr, "approval "+id+" is allowed, and its call failed: said broken") {
				t.Errorf("%s %q: exit %d, %s%s", test.what, test.args, exit, stdout, stderr)
			}
		}
	})
}

func TestNoHouse(t *testing.T) {
	if _, stderr, exit := over(t, registry(t), nil, false, "", "thing", "show", "x"); exit != 4 || !strings.Contains(stderr, "holdfast up") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
}

func TestOutput(t *testing.T) {
	each(t, func(t *testing.T, r *action.Registry, c cli.Caller) {
		stdout, _, _ := over(t, r, c, false, "sk-12345\n", "show", "zed", "--tags", "a", "--tags", "b", "--token-file", "-")
		for _, want := range []string{"zed a+b fast", "token length  8", "UNIT", "notes.ui  ready"} {
			if !strings.Contains(stdout, want) {
				t.Errorf("output lacks %q:\n%s", want, stdout)
			}
		}
		if strings.Contains(stdout, "EMPTY") {
			t.Errorf("an empty column is shown:\n%s", stdout)
		}
		stdout, _, _ = over(t, r, c, false, "", "tool", "call", "broken", "--json")
		if !strings.Contains(stdout, `"failed": true`) {
			t.Errorf("of a call that failed the JSON is %s", stdout)
		}
		stdout, _, _ = over(t, r, c, false, "", "show", "zed", "--json")
		if !strings.HasPrefix(stdout, "{\n  \"name\": \"zed") {
			t.Errorf("JSON output %s", stdout)
		}
		stdout, _, exit := over(t, r, c, false, "", "show", "zed", "-f")
		if exit != 0 || strings.Count(stdout, "\n") != 2 || !strings.Contains(stdout, "zed  ready") {
			t.Errorf("followed: exit %d\n%s", exit, stdout)
		}
	})
}

func TestAPersonConfirmsByTypingEachName(t *testing.T) {
	each(t, func(t *testing.T, r *action.Registry, c cli.Caller) {
		_, stderr, exit := over(t, r, c, true, "files\nno\n", "thing", "delete", "zed")
		if exit != 3 || !strings.Contains(stderr, "not confirmed: rows") {
			t.Errorf("exit %d: %s", exit, stderr)
		}
		stdout, stderr, exit := over(t, r, c, true, "files\nrows\n", "thing", "delete", "zed")
		if exit != 0 || !strings.Contains(stdout, "deleted zed") || !strings.Contains(stderr, "file a.txt, 5 bytes") {
			t.Errorf("exit %d: %s %s", exit, stdout, stderr)
		}
	})
}

func TestHelpNamesWayBack(t *testing.T) {
	stdout, _, exit := over(t, registry(t), nil, false, "", "thing", "delete", "--help")
	if exit != 0 || !strings.Contains(stdout, "comes back: never") {
		t.Errorf("exit %d:\n%s", exit, stdout)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if stdout, _, exit := over(t, registry(t), nil, false, "", "completion", shell); exit != 0 || len(stdout) < 1000 {
			t.Errorf("%s: exit %d, %d bytes", shell, exit, len(stdout))
		}
	}
}

func TestAProgramGetsTheInventoryWithItsToken(t *testing.T) {
	each(t, func(t *testing.T, r *action.Registry, c cli.Caller) {
		for _, interactive := range []bool{false, true} {
			stdout, stderr, exit := over(t, r, c, interactive, "", "thing", "delete", "zed", "--json")
			var need holdfast.Inventory
			if err := json.Unmarshal([]byte(stdout), &need); err != nil || exit != 3 || need.Token == "" || len(need.Categories) != 2 {
				t.Fatalf("exit %d, %v:\n%s%s", exit, err, stdout, stderr)
			}
			stdout, stderr, exit = over(t, r, c, false, "", "thing", "delete", "zed", "--json", "--token", need.Token, "--confirm", "files", "--confirm", "rows")
			if exit != 0 || !strings.Contains(stdout, "deleted zed") {
				t.Errorf("with its token: exit %d:\n%s%s", exit, stdout, stderr)
			}
		}
		stdout, stderr, exit := over(t, r, c, false, "", "thing", "delete", "zed", "--json", "--confirm", "files", "--confirm", "rows")
		if exit != 0 || !json.Valid([]byte(stdout)) || stderr != "" {
			t.Errorf("all confirmed: exit %d:\n%s%s", exit, stdout, stderr)
		}
	})
}

func TestAHouseThatGoesAwayInTheMiddleIsSaid(t *testing.T) {
	live := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	t.Cleanup(live.Close)
	c := cli.NewRemote(func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", live.Listener.Addr().String())
	})
	_, stderr, exit := over(t, registry(t), c, false, "", "thing", "show", "zed")
	if exit != 1 || !strings.Contains(stderr, "the house went away") || !strings.Contains(stderr, "thing.show") || !strings.Contains(stderr, "holdfast journal") || strings.Contains(stderr, "http://") {
		t.Errorf("exit %d: %s", exit, stderr)
	}
}

// TestABareCommandLineKeepsNoActions: a house keeps its command line for as long as it runs.
func TestABareCommandLineKeepsNoActions(t *testing.T) {
	home := ""
	opt := cli.Options{Registry: registry(t), Home: &home, Commands: []*cobra.Command{{Use: "up"}}}
	if whole := cli.New(opt).Commands(); len(whole) < 2 {
		t.Errorf("the whole has %d commands", len(whole))
	}
	opt.Bare = true
	if bare := cli.New(opt).Commands(); len(bare) != 1 || bare[0].Name() != "up" {
		t.Errorf("the bare one has %d commands", len(bare))
	}
}
