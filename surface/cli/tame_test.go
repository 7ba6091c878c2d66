// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/action"
	"holdfast/surface/api"
	"holdfast/surface/cli"
)

const hostile = "a\x1b]0;pwned\x07\x1b[2J\u009b2J\u202eb\tc\nd"

type hostileOut struct {
	Units []hostileRow `json:"units"`
	Note  string       `json:"note"`
}

type hostileRow struct {
	Name string `json:"name"`
}

// hostileHouse tells, streams and refuses with texts that would move a cursor.
func hostileHouse(t *testing.T) *action.Registry {
	t.Helper()
	r := registry(t)
	tell := func(name string) holdfast.Action {
		return holdfast.Action{Name: name, Summary: "Tell", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead}
	}
	err := errors.Join(r.Add(
		action.NewAction(tell("talk.list"), func(context.Context, action.Nothing) (hostileOut, error) {
			return hostileOut{[]hostileRow{{hostile}}, hostile}, nil
		}),
		action.NewAction(tell("talk.fail"), func(context.Context, action.Nothing) (hostileOut, error) {
			return hostileOut{}, errors.New(hostile)
		}),
	), r.AddStreams(holdfast.Stream{Action: "talk.list", Run: func(_ context.Context, _ any, send func(any) error) error {
		return send(hostileRow{hostile})
	}}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func shown(t *testing.T, width int, args ...string) string {
	t.Helper()
	r := hostileHouse(t)
	var out bytes.Buffer
	home := ""
	root := cli.New(cli.Options{
		Registry: r, Home: &home, Terminal: cli.Terminal{Out: &out, Err: &out, Width: width},
		Connect: func(context.Context, holdfast.Action) (cli.Caller, func() error, error) {
			return cli.Local{Registry: r, Caller: api.Terminal()}, func() error { return nil }, nil
		},
	})
	root.SetArgs(args)
	if err := root.ExecuteContext(t.Context()); err != nil {
		cli.PrintError(&out, err)
	}
	return out.String()
}

func TestNoAnswerMovesTheCursorOfATerminal(t *testing.T) {
	for _, args := range []string{"talk list", "talk list --follow", "talk fail"} {
		got := shown(t, 80, strings.Fields(args)...)
		if strings.ContainsAny(got, "\x1b\x07\u009b\u202e") || !strings.Contains(got, "a␛]0;pwned␇␛[2J�2J�b\tc") {
			t.Errorf("%s prints %q", args, got)
		}
	}
	if got := shown(t, 0, "talk", "list"); !strings.Contains(got, "\x1b]0;pwned\x07") {
		t.Errorf("a pipe does not get what was written: %q", got)
	}
	var told hostileOut
	if err := json.Unmarshal([]byte(shown(t, 80, "talk", "list", "--json")), &told); err != nil || told.Note != hostile {
		t.Errorf("--json changed a text: %q, %v", told.Note, err)
	}
}

func TestAnInventoryIsHarmless(t *testing.T) {
	var out bytes.Buffer
	cli.PrintInventory(cli.Terminal{Err: &out}, holdfast.Inventory{Categories: []holdfast.Category{{Name: "files", Items: []holdfast.Item{{ID: hostile, Kind: "file"}}}}})
	if strings.ContainsAny(out.String(), "\x1b\x07\u009b\u202e") {
		t.Errorf("printed %q", out.String())
	}
}
