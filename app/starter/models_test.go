// SPDX-License-Identifier: Apache-2.0

package starter

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holdfast"
	"holdfast/core/home"
	"holdfast/core/keys"
	"holdfast/gateway/price"
	"holdfast/gateway/route"
)

// environment has these variables and no others.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for _, pair := range pairs {
			if key, value, _ := strings.Cut(pair, "="); key == name {
				return value
			}
		}
		return ""
	}
}

// TestProfilesArePinned: whichever profile is chosen, with keys of providers and without, the home
// says what every profile stands for, in a configuration that is right, and its .env has the keys.
func TestProfilesArePinned(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		keys    []string
		sources []string
		chat    string // of quality
	}{
		"no key":        {nil, nil, []string{"rehearsal"}, "rehearsal/default"},
		"an empty key":  {[]string{"OPENAI_API_KEY= "}, nil, []string{"rehearsal"}, "rehearsal/default"},
		"one provider":  {[]string{"OPENROUTER_API_KEY=sk-or-1"}, []string{"OPENROUTER_API_KEY"}, []string{"openrouter"}, "openrouter/"},
		"two providers": {[]string{"GROQ_API_KEY=gsk", "ANTHROPIC_API_KEY=sk-ant-'$x\"", "HOME=/"}, []string{"ANTHROPIC_API_KEY", "GROQ_API_KEY"}, []string{"anthropic", "groq"}, "anthropic/"},
		"every provider": {
			of(func(v vendor) string { return v.key + "=" + v.name + "-secret" }), of(func(v vendor) string { return v.key }),
			of(func(v vendor) string { return v.name }), "anthropic/",
		},
		"a provider only": {[]string{"MISTRAL_API_KEY=mis-1\n"}, []string{"MISTRAL_API_KEY"}, []string{"mistral"}, "mistral/"},
	} {
		for _, profile := range route.ProfileNames() {
			t.Run(name+", "+profile, func(t *testing.T) {
				models, err := Choose(profile, environment(c.environ...))
				if err != nil {
					t.Fatal(err)
				}
				dir := filepath.Join(t.TempDir(), "home")
				if _, err := Write(dir, models); err != nil {
					t.Fatal(err)
				}
				var sources []route.Source
				for _, s := range c.sources {
					sources = append(sources, route.Source{Name: s, Vendor: s})
				}
				said := map[string]json.RawMessage{}
				for _, v := range effective(t, dir) {
					said[v.Path] = v.Value
				}
				for name, want := range route.Propose(sources) {
					for alias, chain := range want.Lines() {
						text, _ := json.Marshal(chain)
						if got := said["models.profiles."+name+"."+alias]; string(got) != string(text) {
							t.Errorf("%s.%s is %s, want %s", name, alias, got, text)
						}
					}
				}
				if got := string(said["models.profile"]); got != fmt.Sprintf("%q", profile) {
					t.Errorf("the profile is %s", got)
				}
				if chat := string(said["models.profiles.quality.chat"]); !strings.Contains(chat, `"`+c.chat) {
					t.Errorf("quality asks %s", chat)
				}
				holds(t, dir, c.keys, c.environ)
			})
		}
	}
}

// holds tells whether .env has these keys, with the environment's values, and nobody else may read it.
func holds(t *testing.T, dir string, want, environ []string) {
	t.Helper()
	env := keys.New(home.At(dir))
	if got := env.Names(); !slices.Equal(got, want) || len(env.Problems()) > 0 {
		t.Errorf("the keys are %v, want %v; %v", got, want, env.Problems())
	}
	text, err := os.ReadFile(filepath.Join(dir, "holdfast.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range want {
		secret, _ := env.Get(name)
		if value := strings.TrimSpace(environment(environ...)(name)); secret.Reveal() != value || strings.Contains(string(text), value) {
			t.Errorf("%s is another, or stands in holdfast.yaml", name)
		}
		if strings.Count(string(text), "key: "+name+"}") != 1 {
			t.Errorf("%s is not named once", name)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, ".env")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

// of lists something of every vendor.
func of(what func(vendor) string) (list []string) {
	for _, v := range vendors() {
		list = append(list, what(v))
	}
	return list
}

func TestProfilesThatAreNone(t *testing.T) {
	for _, name := range []string{"", "cheap", "Balanced", "quality "} {
		_, err := Choose(name, environment())
		if wrong, ok := errors.AsType[*holdfast.Error](err); !ok || wrong.Code != holdfast.CodeBadInput {
			t.Errorf("%q: %v", name, err)
		}
	}
	models, err := Choose(route.Economy, environment("OPENAI_API_KEY=a\x00b"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if _, err := Write(dir, models); err == nil || len(tree(t, dir)) > 0 {
		t.Errorf("a key that cannot be kept: %v, %v", err, tree(t, dir))
	}
}

// TestVendorsAreKnown: the gateway knows whose models each address serves, so that it proposes and
// prices them.
func TestVendorsAreKnown(t *testing.T) {
	for _, v := range vendors() {
		if got := price.VendorOf(v.kind, v.url); got != v.name {
			t.Errorf("%s is known as %q", v.url, got)
		}
		if route.Propose([]route.Source{{Name: v.name, Vendor: v.name}}) == nil {
			t.Errorf("nothing is proposed for %s", v.name)
		}
	}
}
