// SPDX-License-Identifier: Apache-2.0

package edge

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/edge/router"
)

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		settings Settings
		fields   []string
		says     string
	}{
		{Defaults(), nil, ""},
		{Settings{Mode: "local", Listen: "[::1]:9000"}, nil, ""},
		{Settings{Mode: "ngrok", Listen: "127.0.0.1:1"}, []string{"mode"}, "not in this version"},
		{Settings{Mode: "lokal", Listen: "127.0.0.1:1"}, []string{"mode"}, "is not a mode"},
		{Settings{Mode: "local", Listen: "0.0.0.0:8443"}, []string{"listen"}, "not a loopback address"},
		{Settings{Mode: "local", Listen: ":8443"}, []string{"listen"}, "not a loopback address"},
		{Settings{Mode: "local", Listen: "127.0.0.1:http"}, []string{"listen"}, "is not a port"},
		{Settings{Mode: "local", Listen: "127.0.0.1:0"}, []string{"listen"}, "is not a port"},
		{Settings{Mode: "local", Listen: "127.0.0.1"}, []string{"listen"}, "missing port"},
		{Settings{Mode: "local", Listen: "127.0.0.1:1", Domain: "x.example"}, []string{"domain"}, "has no domain"},
		{Settings{Mode: "", Listen: "", Domain: "x"}, []string{"mode", "listen"}, ""},
	} {
		var fields []string
		var text strings.Builder
		for _, p := range c.settings.Check() {
			fields = append(fields, p.Field)
			text.WriteString(p.Message)
		}
		if !slices.Equal(fields, c.fields) || !strings.Contains(text.String(), c.says) {
			t.Errorf("%+v: %v %s", c.settings, fields, text.String())
		}
	}
}

func TestMountsThatMayStand(t *testing.T) {
	for _, c := range []struct {
		mount holdfast.Mount
		ok    bool
	}{
		{holdfast.Mount{Path: "/ext/notes/", Port: 1, OwnOrigin: true}, true},
		{holdfast.Mount{Path: "/ext_service/grocy/", Port: 1, OwnOrigin: true}, true},
		{holdfast.Mount{Path: "/api/notes/", Port: 1}, true},
		{holdfast.Mount{Path: "/api/agents/", Port: 1}, true},
		{holdfast.Mount{Path: "/ext/blocked/", OwnOrigin: true}, true},
		{holdfast.Mount{Path: "/ext/notes/", Port: 1}, false},
		{holdfast.Mount{Path: "/api/notes/", Port: 1, OwnOrigin: true}, false},
		{holdfast.Mount{Path: "/api/v1/", Port: 1}, false},
		{holdfast.Mount{Path: "/api/V1/", Port: 1}, false},
		{holdfast.Mount{Path: "/api/supervisor/", Port: 1}, false},
		{holdfast.Mount{Path: "/api/agent/", Port: 1}, false},
		{holdfast.Mount{Path: "/auth/notes/", Port: 1, OwnOrigin: true}, false},
		{holdfast.Mount{Path: "/v1/models/", Port: 1}, false},
		{holdfast.Mount{Path: "/", Port: 1}, false},
		{holdfast.Mount{Path: "/ext/", Port: 1, OwnOrigin: true}, false},
		{holdfast.Mount{Path: "/ext/a/b/", Port: 1, OwnOrigin: true}, false},
		{holdfast.Mount{Path: "/ext/../", Port: 1, OwnOrigin: true}, false},
		{holdfast.Mount{Path: "/ext/a%2fb/", Port: 1, OwnOrigin: true}, false},
		{holdfast.Mount{Path: "/ext/notes", Port: 1, OwnOrigin: true}, false},
		{holdfast.Mount{Path: "/ext/notes/", Port: 70000, OwnOrigin: true}, false},
		{holdfast.Mount{Path: "/_holdfast/enter/", Port: 1, OwnOrigin: true}, false},
	} {
		mounted, problems := choose([]holdfast.Mount{c.mount})
		if (len(mounted) == 1) != c.ok || (len(problems) == 0) != c.ok {
			t.Errorf("%+v: %v %v", c.mount, mounted, problems)
		}
	}
	mounted, problems := choose([]holdfast.Mount{
		{Path: "/ext/z/", Unit: "first", Port: 1, OwnOrigin: true}, {Path: "/ext/z/", Unit: "second", Port: 2, OwnOrigin: true}, {Path: "/ext/a/", Port: 3, OwnOrigin: true},
	})
	if len(mounted) != 2 || mounted[0].Path != "/ext/a/" || mounted[1].Port != 1 || len(problems) != 1 || !strings.Contains(problems[0], "unit first has it") {
		t.Errorf("%v %v", mounted, problems)
	}
}

// bearers is a key ring.
type bearers map[string]holdfast.Tier

func (b bearers) Key(_ context.Context, token string) (holdfast.Caller, bool) {
	tier, ok := b[token]
	return holdfast.Caller{Kind: holdfast.CallerOperator, Name: "machine", Tier: tier}, ok
}

func TestOnlyOperatorsKeysOpenExtensions(t *testing.T) {
	r := newRig(t, "/nonexistent/holdfast-edge")
	r.up()
	for ring, want := range map[*bearers]bool{
		nil: false, {"k": holdfast.TierTenantPeer}: false, {"k": holdfast.TierOperator}: true, {"other": holdfast.TierOwner}: false,
	} {
		c := clerk{Options{Log: slog.New(slog.DiscardHandler)}}
		if ring != nil {
			c.Keys = *ring
		}
		if a := c.answer(t.Context(), router.Ask{Kind: router.AskKey, Token: "k"}); a.OK != want || (want && a.User != "machine") {
			t.Errorf("%v: %+v", ring, a)
		}
	}
	if a := r.exchange.answer(t.Context(), router.Ask{Kind: "made up"}); a.OK || a.Error == "" {
		t.Errorf("%+v", a)
	}
}

func TestABlockedEdgeSaysWhy(t *testing.T) {
	r := newRig(t, filepath.Join(t.TempDir(), "none"))
	r.up()
	if !strings.Contains(r.keeper.unit.Blocked, "there is no program") {
		t.Errorf("%q", r.keeper.unit.Blocked)
	}
	if got := r.checks()[0].Run(t.Context()); got.Status != holdfast.StatusWarn {
		t.Errorf("%+v", got)
	}
}

func TestPortsAreNextToEachOther(t *testing.T) {
	r := newRig(t, "/nonexistent/holdfast-edge")
	r.up()
	hub := r.doors.addresses().Hub
	if r.Origin() != "http://"+hub || r.Cookie() != "holdfast_session_"+port(hub) || r.ExtensionURL() == r.URL() {
		t.Errorf("%s %s %s", r.Origin(), r.Cookie(), r.ExtensionURL())
	}
	d := doors{reserved: func() []int { return []int{8444} }}
	if got := d.candidates("127.0.0.1:8443")[:3]; !slices.Equal(got, []string{"127.0.0.1:8443", "127.0.0.1:8445", "127.0.0.1:8446"}) {
		t.Error(got)
	}
	if got := d.candidates("[::1]:65535"); !slices.Equal(got, []string{"[::1]:65535"}) {
		t.Error(got)
	}
	if info, err := os.Stat(r.home.Var("edge")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info, err)
	}
}

// TestTakenAtTheLastAddress: what is remembered may be anything; it never stops a start.
func TestTakenAtTheLastAddress(t *testing.T) {
	r := newRig(t, "/nonexistent/holdfast-edge")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for _, text := range []string{
		`{`, `null`, `{"wanted":"` + r.listen + `","hub":"0.0.0.0:1","extensions":"x"}`,
		`{"wanted":"` + r.listen + `","hub":"` + taken.Addr().String() + `","extensions":"` + taken.Addr().String() + `"}`,
	} {
		if err := os.MkdirAll(r.home.Var("edge"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(r.home.Var("edge", "doors.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r.up()
		if at := r.doors.addresses(); at.Hub != r.listen {
			t.Errorf("%s: %+v", text, at)
		}
		r.down()
	}
}
