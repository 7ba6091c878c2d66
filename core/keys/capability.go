// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
)

type keyInput struct {
	Key string `json:"key" help:"the name, as in OPENAI_API_KEY" required:"true" pos:"1"`
}

type setInput struct {
	Key   string          `json:"key" help:"the name, as in OPENAI_API_KEY" required:"true" pos:"1"`
	Value holdfast.Secret `json:"value" help:"the value" required:"true"`
}

type uploadInput struct {
	// The whole file is a secret: so it is masked in the journal and never an argument.
	File holdfast.Secret `json:"file" help:"a .env file, whose keys are merged into the home's" required:"true"`
}

// A Changed is the answer of every change of keys.
type Changed struct {
	Status  string   `json:"status" help:"success, when the change is on disk"`
	Message string   `json:"message"`
	Changed []string `json:"changed" help:"the keys whose value is another now"`
	Restart []string `json:"restart" help:"units that see the change after a restart"`
}

// A Required is the answer of keys.required.
type Required struct {
	Secrets []RequiredKey `json:"required_secrets"`
}

// A RequiredKey is one key that is asked for.
type RequiredKey struct {
	Key    string `json:"key"`
	Source string `json:"source"`
	Set    bool   `json:"set"`
}

// answers are the actions over the keys.
type answers struct{ keys *Keys }

// Capability is what the keys contribute to the house.
func (k *Keys) Capability() house.Capability {
	return house.Capability{
		Name:    "keys",
		Actions: answers{k}.actions(),
		Alerts:  []holdfast.AlertRule{answers{k}.alert()},
		Keep:    []house.Keep{{Name: "keys", Patterns: []string{envName}, Secret: true}},
		Start:   func(context.Context) error { return k.Load() },
		Run:     k.Follow,
		Reason:  "what comes after it asks for keys at its start",
	}
}

func (a answers) actions() []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "keys.list", Short: "keys", Summary: "List the keys in .env, values masked",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
			Routes:   []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/keys/list"}},
			Examples: []string{"holdfast keys list --json"},
		}, a.list),
		action.NewAction(holdfast.Action{
			Name: "keys.required", Summary: "List who asks for which key, and whether it is set",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true,
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/keys/required"}},
		}, a.required),
		action.NewAction(holdfast.Action{
			Name: "keys.set", Summary: "Set a key in .env",
			Help: "The value comes by prompt, standard input or file, never as an argument. " +
				"The value it replaces is kept 30 days for `keys restore`.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
			Routes:   []holdfast.ActionRoute{{Method: "POST", Path: "/api/supervisor/keys/set"}},
			Examples: []string{"holdfast keys set OPENAI_API_KEY"},
		}, a.set),
		action.NewAction(holdfast.Action{
			Name: "keys.delete", Summary: "Take a key out of .env; `keys restore` brings it back",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
			Routes:   []holdfast.ActionRoute{{Method: "POST", Path: "/api/supervisor/keys/delete"}},
			Examples: []string{"holdfast keys delete OPENAI_API_KEY"},
		}, a.remove),
		action.NewAction(holdfast.Action{
			Name: "keys.restore", Summary: "Bring back the value that the last change of a key replaced",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
			Examples: []string{"holdfast keys restore OPENAI_API_KEY"},
		}, a.restore),
		action.NewAction(holdfast.Action{
			Name: "keys.upload", Summary: "Merge the keys of another .env file",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Offline: true,
			Routes:   []holdfast.ActionRoute{{Method: "POST", Path: "/api/supervisor/keys/upload-env", Upload: "file"}},
			Examples: []string{"holdfast keys upload < .env"},
			Subject:  func(any) string { return envName },
		}, a.upload),
	}
}

func (a answers) list(context.Context, action.Nothing) (map[string]string, error) {
	out := map[string]string{}
	for _, name := range a.keys.Names() {
		value, _ := a.keys.Get(name)
		out[name] = value.Masked()
	}
	return out, nil
}

func (a answers) required(context.Context, action.Nothing) (Required, error) {
	out := Required{Secrets: []RequiredKey{}}
	if a.keys.needs.Required == nil {
		return out, nil
	}
	for _, r := range a.keys.needs.Required.Required() {
		value, set := a.keys.Get(r.Key)
		out.Secrets = append(out.Secrets, RequiredKey{Key: r.Key, Source: r.Source, Set: set && !value.Empty()})
	}
	slices.SortFunc(out.Secrets, func(a, b RequiredKey) int {
		return strings.Compare(a.Key+"\x00"+a.Source, b.Key+"\x00"+b.Source)
	})
	return out, nil
}

func (a answers) set(ctx context.Context, in setInput) (Changed, error) {
	if err := a.keys.Set(ctx, in.Key, in.Value); err != nil {
		return Changed{}, err
	}
	return a.answer(in.Key+" is set", in.Key), nil
}

func (a answers) remove(ctx context.Context, in keyInput) (Changed, error) {
	if err := a.keys.Delete(ctx, in.Key); err != nil {
		return Changed{}, err
	}
	return a.answer(in.Key+" is deleted; `holdfast keys restore "+in.Key+"` brings it back", in.Key), nil
}

func (a answers) restore(ctx context.Context, in keyInput) (Changed, error) {
	if err := a.keys.Restore(ctx, in.Key); err != nil {
		return Changed{}, err
	}
	return a.answer(in.Key+" has its earlier value again", in.Key), nil
}

func (a answers) upload(ctx context.Context, in uploadInput) (Changed, error) {
	changed, err := a.keys.Merge(ctx, in.File)
	if err != nil {
		return Changed{}, err
	}
	return a.answer(fmt.Sprintf("%d keys are merged", len(changed)), changed...), nil
}

func (a answers) answer(message string, changed ...string) Changed {
	out := Changed{Status: "success", Message: message, Changed: slices.Clone(changed), Restart: []string{}}
	if a.keys.needs.Units != nil {
		for _, key := range changed {
			out.Restart = append(out.Restart, a.keys.needs.Units.UnitsUsing(key)...)
		}
	}
	slices.Sort(out.Restart)
	out.Restart = slices.Compact(out.Restart)
	if len(out.Restart) > 0 {
		out.Message += "; restart to apply: " + strings.Join(out.Restart, ", ")
	}
	return out
}

// alert tells for as long as it lasts what is wrong with .env.
func (a answers) alert() holdfast.AlertRule {
	return holdfast.AlertRule{
		Name: "keys_file", Severity: holdfast.SeverityWarning, Summary: "Something in .env does not count or was not private",
		Firing: func(context.Context) []holdfast.Alert {
			var out []holdfast.Alert
			for _, p := range a.keys.Problems() {
				out = append(out, holdfast.Alert{Name: "keys_file", Severity: holdfast.SeverityWarning, Subject: p.Field, Message: p.String()})
			}
			return out
		},
	}
}
