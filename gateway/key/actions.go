// SPDX-License-Identifier: Apache-2.0

package key

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/config"
	"holdfast/core/house"
	"holdfast/core/trash"
)

const categoryKey = "key"

// Capability is what the keys contribute to the house.
func (k *Keys) Capability() house.Capability {
	return house.Capability{
		Name:       "key",
		Migrations: Migrations(),
		Actions:    board{k}.actions(),
		Start:      k.Start,
		Run:        k.Run,
		Stop:       k.Stop,
		Reason:     "before any listener, which asks it who bears a key",
	}
}

// A board is the keys as people see them.
type board struct{ *Keys }

func (b board) actions() []holdfast.Action {
	create := holdfast.Action{
		Name: "key.create", Summary: "Make an API key; it is shown once", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectChange, Reveals: true,
		Help: "Its bearer calls models, agents and tools as an agent of its owner's name, or as a tenant. Its budget is that of the scope key:NAME: " +
			"`holdfast budget set key:NAME`.",
		Examples: []string{
			"holdfast key create laptop", "holdfast key create ci --models chat,fast --rpm 60 --tpm 200000 --expires 30d",
			"holdfast key create companion --owner agent:companion", "holdfast key create acme --owner tenant:acme",
		},
	}
	update := holdfast.Action{
		Name: "key.update", Summary: "Change what an API key may do; what is left out stays as it is", Tier: holdfast.TierOperator,
		Effect:   holdfast.EffectChange,
		Help:     "It holds from the next call on. AGENT_API_KEY can be limited too.",
		Examples: []string{"holdfast key update laptop --models 'chat,openrouter/*'", "holdfast key update laptop --models '*' --rpm 0 --expires never"},
	}
	rotate := holdfast.Action{
		Name: "key.rotate", Summary: "Make an API key anew; the old one stays valid for a while", Tier: holdfast.TierOperator,
		Effect: holdfast.EffectChange, Reveals: true,
		Examples: []string{"holdfast key rotate laptop", "holdfast key rotate laptop --overlap 0"},
	}
	read := func(name, summary string) holdfast.Action {
		return holdfast.Action{Name: name, Summary: summary, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true}
	}
	list, show := read("key.list", "List the API keys, without their values"), read("key.show", "Show one API key, without its value")
	list.Examples, show.Examples = []string{"holdfast key list"}, []string{"holdfast key show laptop"}
	revoke := holdfast.Action{
		Name: "key.revoke", Summary: "Revoke an API key; it can come back from the trash", Tier: holdfast.TierOperator, Offline: true,
		Examples: []string{"holdfast key revoke laptop"},
		Categories: []holdfast.Category{{
			Name: categoryKey, Summary: "The key's bearer is refused from now on", Returns: holdfast.ReturnsFromTrash, Production: true,
		}},
	}
	return []holdfast.Action{
		action.NewAction(create, b.create),
		action.NewAction(update, b.update),
		action.NewAction(rotate, b.rotate),
		action.NewAction(list, b.list),
		action.NewAction(show, b.show),
		action.NewDestroyer(revoke, b.inventory, b.revoke),
	}
}

type nameInput struct {
	Name string `json:"name" help:"the key's name: letters, digits, - _ and ." required:"true" max:"64" pos:"1"`
}

func (n nameInput) check() error {
	if isInEnv(n.Name) {
		return holdfast.BadInput("", inEnv(n.Name))
	}
	if named(n.Name) {
		return nil
	}
	return holdfast.BadInput("", holdfast.Problem{
		Field: "name", Message: fmt.Sprintf("%q cannot name a key", n.Name), Remedy: "letters, digits, - _ and .",
	})
}

func named(name string) bool {
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == ""
}

func isInEnv(name string) bool { return name == AgentKey || name == SupervisorToken }

func inEnv(name string) holdfast.Problem {
	return holdfast.Problem{Field: "name", Message: name + " stands in .env", Remedy: "`holdfast keys set " + name + "` replaces it"}
}

type createInput struct {
	nameInput
	Owner   string   `json:"owner" help:"whose it is: client:NAME, agent:NAME, extension:NAME or tenant:NAME; a client of the key's name when left out" max:"200"`
	Tenant  string   `json:"tenant" help:"the tenant for which its owner acts" max:"200"`
	Models  []string `json:"models" help:"the aliases, agents and provider/models that it may call, with commas between them or several times, a star at the end for all that begin so; all when left out" max:"200"`
	RPM     int64    `json:"rpm" help:"the most requests in any minute; 0 for no limit" min:"0" max:"1000000"`
	TPM     int64    `json:"tpm" help:"the most tokens in any minute, those a call may need included; 0 for no limit" min:"0" max:"1000000000000"`
	Expires string   `json:"expires" help:"a span such as 30d, a time, or never" default:"never" max:"40"`
}

type created struct {
	Name string `json:"name"`
	Key  string `json:"key" help:"the bearer key; it is not kept and cannot be shown again"`
	Hint string `json:"hint"`
	// OldUntil is of a rotation.
	OldUntil time.Time `json:"old_until,omitzero" help:"until when the key before is valid too"`
}

func (b board) create(ctx context.Context, in createInput) (created, error) {
	if err := in.check(); err != nil {
		return created{}, err
	}
	one := &row{terms: terms{Name: in.Name, RPM: in.RPM, TPM: in.TPM}, created: b.needs.Now().UnixNano(), by: holdfast.CallerFrom(ctx).String()}
	change := updateInput{Owner: &in.Owner, Tenant: &in.Tenant, Models: &in.Models, Expires: &in.Expires}
	if err := change.over(&one.terms, b.needs.Now()); err != nil {
		return created{}, err
	}
	token, hash, hint, err := generate()
	if err != nil {
		return created{}, err
	}
	one.hash, one.hint = hash, hint
	if err := b.rows.add(ctx, one); err != nil {
		return created{}, fmt.Errorf("cannot keep the key %q: %w", in.Name, err)
	}
	b.forget(in.Name)
	return created{Name: in.Name, Key: token, Hint: hint}, nil
}

type updateInput struct {
	Name    string    `json:"name" help:"the key's name" required:"true" max:"64" pos:"1"`
	Owner   *string   `json:"owner" help:"whose it is: client:NAME, agent:NAME, extension:NAME or tenant:NAME" max:"200"`
	Tenant  *string   `json:"tenant" help:"the tenant for which its owner acts" max:"200"`
	Models  *[]string `json:"models" help:"what it may call: aliases, agents and provider/models, a star at the end for all that begin so; * for all"`
	RPM     *int64    `json:"rpm" help:"the most requests in any minute; 0 for no limit" min:"0" max:"1000000"`
	TPM     *int64    `json:"tpm" help:"the most tokens in any minute; 0 for no limit" min:"0" max:"1000000000000"`
	Expires *string   `json:"expires" help:"a span such as 30d, a time, or never" max:"40"`
}

// over lays what is given over the terms of a key.
func (in updateInput) over(t *terms, now time.Time) error {
	var problems []holdfast.Problem
	add := func(field, message, remedy string) {
		problems = append(problems, holdfast.Problem{Field: field, Message: message, Remedy: remedy})
	}
	if in.Owner != nil {
		t.OwnerKind, t.Owner = ownerClient, t.Name
		if kind, name, ok := strings.Cut(*in.Owner, ":"); *in.Owner != "" {
			t.OwnerKind, t.Owner = kind, name
			if !ok || name == "" || !named(name) || !slices.Contains(ownerKinds[:], kind) {
				add("owner", fmt.Sprintf("%q is no owner", *in.Owner), "want client:NAME, agent:NAME, extension:NAME or tenant:NAME")
			}
		}
	}
	if in.Tenant != nil {
		t.Tenant = *in.Tenant
		if !named(t.Tenant) {
			add("tenant", fmt.Sprintf("%q cannot name a tenant", t.Tenant), "letters, digits, - _ and .")
		}
	}
	if t.OwnerKind == ownerTenant && t.Tenant != "" && t.Tenant != t.Owner {
		add("tenant", "the key's owner is another tenant, "+t.Owner, "leave it out")
	}
	if in.Models != nil && *in.Models != nil {
		t.Models = nil
		for i, model := range strings.Split(strings.Join(*in.Models, ","), ",") {
			model = strings.TrimSpace(model)
			if model == "" || strings.ContainsAny(model, " \t\r\n") || strings.Contains(strings.TrimSuffix(model, "*"), "*") || len(model) > 200 {
				add(fmt.Sprintf("models[%d]", i), fmt.Sprintf("%q names no model", model), "want an alias, an agent or provider/model, with a star at its end at most")
			}
			t.Models = append(t.Models, model)
		}
		if slices.Contains(t.Models, "*") {
			t.Models = nil
		}
	}
	if in.Expires != nil {
		at, err := expiry(*in.Expires, now)
		if err != nil {
			add("expires", err.Error(), "want a span such as 30d, a time such as 2027-01-31T12:00:00Z, or never")
		}
		t.Expires = at
	}
	if in.RPM != nil {
		t.RPM = *in.RPM
	}
	if in.TPM != nil {
		t.TPM = *in.TPM
	}
	if len(problems) > 0 {
		return holdfast.BadInput("bad key", problems...)
	}
	return nil
}

// expiry reads when a key expires; 0 for never.
func expiry(text string, now time.Time) (int64, error) {
	if text == "" || text == "never" {
		return 0, nil
	}
	if span, err := config.ParseDuration(text); err == nil && span > 0 {
		return now.Add(span.Std()).UnixNano(), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is neither a span nor a time", text)
	case !at.After(now) || at.Year() > 2200:
		return 0, fmt.Errorf("%s is no time to come", text)
	}
	return at.UnixNano(), nil
}

// A Listed key is what is known of it later.
type Listed struct {
	Name      string    `json:"name"`
	Hint      string    `json:"hint" help:"how the key begins"`
	Source    string    `json:"source" enum:"store,.env"`
	State     string    `json:"state" enum:"valid,expired"`
	Owner     string    `json:"owner,omitempty" help:"whose it is, by kind and name"`
	Tenant    string    `json:"tenant,omitempty"`
	Models    []string  `json:"models,omitempty" help:"what it may call; all when there are none"`
	RPM       int64     `json:"rpm,omitempty" help:"the most requests in any minute"`
	TPM       int64     `json:"tpm,omitempty" help:"the most tokens in any minute"`
	Expires   time.Time `json:"expires,omitzero"`
	Used      time.Time `json:"used,omitzero" help:"when it was last used, written down once a minute"`
	OldUntil  time.Time `json:"old_until,omitzero" help:"until when the key before the last rotation is valid too"`
	Created   time.Time `json:"created,omitzero"`
	CreatedBy string    `json:"created_by,omitempty"`
}

func (r *row) listed(now time.Time) Listed {
	one := Listed{
		Name: r.Name, Hint: r.hint, Source: "store", State: "valid", Owner: r.OwnerKind + ":" + r.Owner, Tenant: r.Tenant, Models: r.Models,
		RPM: r.RPM, TPM: r.TPM, Expires: moment(r.Expires), Used: moment(r.used), Created: moment(r.created), CreatedBy: r.by,
	}
	if r.OldUntil > now.UnixNano() {
		one.OldUntil = moment(r.OldUntil)
	}
	if r.Expires > 0 && r.Expires <= now.UnixNano() {
		one.State = "expired"
	}
	return one
}

func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

type listed struct {
	Keys []Listed `json:"keys"`
}

func (b board) list(ctx context.Context, _ action.Nothing) (listed, error) {
	all, err := b.rows.all(ctx)
	if err != nil {
		return listed{}, fmt.Errorf("cannot list the API keys: %w", err)
	}
	out := listed{Keys: b.ofEnv(all)}
	for _, r := range all {
		if !isInEnv(r.Name) {
			out.Keys = append(out.Keys, b.latest(r).listed(b.needs.Now()))
		}
	}
	return out, nil
}

// ofEnv lists the keys that stand in .env, with what limits them.
func (b board) ofEnv(all []*row) []Listed {
	list := []Listed{}
	for _, name := range []string{AgentKey, SupervisorToken} {
		secret, ok := b.needs.Keys.Get(name)
		if !ok || secret.Empty() {
			continue
		}
		r := &row{terms: terms{Name: name}}
		if at := slices.IndexFunc(all, func(r *row) bool { return r.Name == name }); at >= 0 {
			r = all[at]
		}
		one := b.latest(r).listed(b.needs.Now())
		one.Name, one.Hint, one.Source, one.State, one.Owner = name, secret.Masked(), ".env", "valid", ""
		list = append(list, one)
	}
	return list
}

// latest is a key with its last use, which may not be written down yet.
func (b board) latest(r *row) *row {
	b.mu.RLock()
	defer b.mu.RUnlock()
	r.used = max(r.used, b.used[r.Name])
	if g := b.named[r.Name]; g != nil {
		r.used = max(r.used, g.used.Load())
	}
	if at := b.inEnv[r.Name]; at != nil {
		r.used = max(r.used, at.Load())
	}
	return r
}

func (b board) show(ctx context.Context, in nameInput) (Listed, error) {
	all, err := b.list(ctx, action.Nothing{})
	if err != nil {
		return Listed{}, err
	}
	at := slices.IndexFunc(all.Keys, func(one Listed) bool { return one.Name == in.Name })
	if at < 0 {
		return Listed{}, unknown(in.Name)
	}
	return all.Keys[at], nil
}

type updated struct {
	Before Listed `json:"before"`
	After  Listed `json:"after"`
}

func (b board) update(ctx context.Context, in updateInput) (updated, error) {
	if in.Name == SupervisorToken {
		return updated{}, holdfast.BadInput("", inEnv(in.Name))
	}
	if in.Name == AgentKey {
		if in.Owner != nil || in.Tenant != nil || in.Expires != nil {
			return updated{}, holdfast.BadInput("", holdfast.Problem{Message: AgentKey + " has no owner, no tenant and does not expire", Remedy: "models, rpm and tpm can be set"})
		}
		if err := b.rows.adopt(ctx, AgentKey); err != nil {
			return updated{}, fmt.Errorf("cannot change %q: %w", in.Name, err)
		}
	}
	if in == (updateInput{Name: in.Name}) {
		return updated{}, holdfast.BadInput("", holdfast.Problem{Message: "changes nothing", Remedy: "give one of --owner, --tenant, --models, --rpm, --tpm and --expires"})
	}
	before, after, err := b.rows.change(ctx, in.Name, func(t *terms) error { return in.over(t, b.needs.Now()) })
	b.forget(in.Name)
	if err != nil {
		return updated{}, fmt.Errorf("cannot change %q: %w", in.Name, err)
	}
	return updated{before.listed(b.needs.Now()), after.listed(b.needs.Now())}, nil
}

type rotateInput struct {
	nameInput
	Overlap string `json:"overlap" help:"how long the old key stays valid; 0 ends it at once" default:"1h" max:"40"`
}

func (b board) rotate(ctx context.Context, in rotateInput) (created, error) {
	if err := in.check(); err != nil {
		return created{}, err
	}
	overlap, err := config.ParseDuration(in.Overlap)
	if err != nil {
		return created{}, holdfast.BadInput("", holdfast.Problem{Field: "overlap", Message: err.Error()})
	}
	token, hash, hint, err := generate()
	if err != nil {
		return created{}, err
	}
	until := b.needs.Now().Add(overlap.Std())
	err = b.rows.rotate(ctx, in.Name, hash, hint, until)
	b.forget(in.Name)
	if err != nil {
		return created{}, fmt.Errorf("cannot rotate %q: %w", in.Name, err)
	}
	return created{Name: in.Name, Key: token, Hint: hint, OldUntil: until.UTC()}, nil
}

func (b board) inventory(ctx context.Context, in nameInput) ([]holdfast.Category, error) {
	if isInEnv(in.Name) {
		return nil, holdfast.BadInput("", inEnv(in.Name))
	}
	r, err := b.rows.find(ctx, "name = ?", in.Name)
	if err != nil {
		return nil, fmt.Errorf("cannot look up %q: %w", in.Name, err)
	}
	if r == nil {
		return nil, unknown(in.Name)
	}
	item := holdfast.Item{ID: r.Name + " " + r.hint, Kind: "API key", Rows: 1}
	return []holdfast.Category{{Name: categoryKey, Items: []holdfast.Item{item}}}, nil
}

type revoked struct {
	Name  string `json:"name"`
	Trash string `json:"trash" help:"the entry of the trash; trash restore brings the key back"`
}

func (b board) revoke(ctx context.Context, in nameInput) (revoked, error) {
	id, err := b.needs.Trash.Keep(ctx, trash.Entry{
		Action: "key.revoke", Subject: in.Name,
		Rows: []trash.Rows{{Table: "api_keys", Where: "name = ?", Args: []any{in.Name}}},
	})
	b.forget(in.Name)
	if err != nil {
		return revoked{}, fmt.Errorf("cannot revoke %q: %w", in.Name, err)
	}
	return revoked{in.Name, id}, nil
}
