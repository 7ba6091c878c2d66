// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
	"holdfast/core/store"
)

func (s *Server) run(ctx context.Context) error { return house.Every(ctx, time.Minute, broom{s}.tidy) }

// an office shows people what there is, and takes it back for them.
type office struct{ *Server }

func (s office) actions() []holdfast.Action {
	declare := func(name, summary, help string, effect holdfast.Effect, examples ...string) holdfast.Action {
		return holdfast.Action{
			Name: name, Summary: summary, Help: help, Tier: holdfast.TierOperator, Effect: effect, Safer: effect == holdfast.EffectChange, Examples: examples,
		}
	}
	clients := declare("client.list", "List the MCP clients that are known", "A client registered itself, or is known by the address of its metadata document. Being known opens nothing: grants do.",
		holdfast.EffectRead, "holdfast client list")
	clients.Subject = func(any) string { return "" }
	grants := declare("grant.list", "List what MCP clients were given access to, by whom, and when it was last used", "",
		holdfast.EffectRead, "holdfast grant list", "holdfast grant list --ended")
	grants.Subject = func(any) string { return "" }
	return []holdfast.Action{
		action.NewAction(clients, s.listClients),
		action.NewAction(declare("client.revoke", "Forget an MCP client and end all its access, at once", "Give the client's id, or as much of its beginning as is unique.",
			holdfast.EffectChange, "holdfast client revoke hfm_x4Tq"), s.revokeClient),
		action.NewAction(grants, s.listGrants),
		action.NewAction(declare("grant.revoke", "End an MCP client's access, at once and with all it has open", "Give the grant's id, or as much of its beginning as is unique, or --all.",
			holdfast.EffectChange, "holdfast grant revoke 3f9a", "holdfast grant revoke --all"), s.revokeGrant),
	}
}

// A Client is an MCP client as it may be shown.
type Client struct {
	ID        string    `json:"id"`
	Name      string    `json:"name" help:"what the client calls itself"`
	Kind      string    `json:"kind" enum:"registered,document" help:"registered by itself, or known by its metadata document"`
	URI       string    `json:"uri,omitempty"`
	Redirects []string  `json:"redirects" help:"where codes may be sent"`
	Secret    bool      `json:"secret" help:"whether it proves itself by a secret"`
	Grants    int       `json:"grants" help:"how many grants it has"`
	Created   time.Time `json:"created"`
	Used      time.Time `json:"used,omitzero" help:"when somebody last gave it access"`
}

type clientsOut struct {
	Clients []Client `json:"clients"`
}

func (s office) listClients(ctx context.Context, _ action.Nothing) (clientsOut, error) {
	out := clientsOut{Clients: []Client{}}
	known, err := s.rows.clients(ctx)
	if err != nil {
		return out, fmt.Errorf("cannot list clients: %w", err)
	}
	live, err := s.rows.grants(ctx, `WHERE ended_ns = 0`)
	if err != nil {
		return out, fmt.Errorf("cannot list grants: %w", err)
	}
	count := map[string]int{}
	for _, g := range live {
		count[g.Client]++
	}
	for _, c := range known {
		out.Clients = append(out.Clients, Client{
			ID: c.ID, Name: c.Name, Kind: c.Kind, URI: c.URI, Redirects: c.Redirects, Secret: c.SecretHash != "",
			Grants: count[c.ID], Created: c.Created, Used: c.Used,
		})
	}
	return out, nil
}

type clientIn struct {
	ID string `json:"id" help:"the client, or the unique beginning of its id" pos:"1" required:"true"`
}

type revoked struct {
	Revoked []string `json:"revoked" help:"the grants that ended"`
}

func (s office) revokeClient(ctx context.Context, in clientIn) (revoked, error) {
	known, err := s.rows.clients(ctx)
	if err != nil {
		return revoked{}, fmt.Errorf("cannot look the client up: %w", err)
	}
	var ids []string
	for _, c := range known {
		ids = append(ids, c.ID)
	}
	id, err := unique("client", in.ID, ids)
	if err != nil {
		return revoked{}, err
	}
	// What waits for the person's answer, or to be redeemed, would bring the client back; the grants are
	// looked up after the codes are gone, so that none of those comes between.
	s.tickets.drop(func(asked request) bool { return asked.client.ID == id })
	out, err := s.takeAway(ctx, ` AND client = ?`, []any{id}, `DELETE FROM oauth_clients WHERE id = ?`, `DELETE FROM oauth_codes WHERE client = ? AND spent_ns = 0`)
	if err != nil {
		return revoked{}, fmt.Errorf("cannot forget the client: %w", err)
	}
	s.documents.forget(id)
	return out, nil
}

// takeAway forgets by queries, and ends the grants that where narrows the choice to, all with the same args.
func (s office) takeAway(ctx context.Context, where string, args []any, queries ...string) (revoked, error) {
	out := revoked{}
	err := s.rows.store.Write(ctx, func(ctx context.Context, tx store.Tx) (err error) {
		for _, query := range queries {
			if _, err := tx.Exec(ctx, query, args...); err != nil {
				return err
			}
		}
		out.Revoked, err = endGrants(ctx, tx, reasonPerson, s.needs.Now().UTC(), where, args...)
		return err
	})
	if err != nil {
		return revoked{}, err
	}
	for _, id := range out.Revoked {
		s.cut(id)
	}
	return out, nil
}

func idsOf(list []grant) []string {
	ids := []string{}
	for _, g := range list {
		ids = append(ids, g.ID)
	}
	return ids
}

// unique finds the one id that has a beginning.
func unique(what, prefix string, ids []string) (string, error) {
	var found []string
	for _, id := range ids {
		if id == prefix {
			return id, nil
		}
		if len(prefix) >= 4 && strings.HasPrefix(id, prefix) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", holdfast.Errorf(holdfast.CodeNotFound,
			"there is no %[1]s %[2]s: `holdfast %[1]s list` lists them, and four characters of an id are the least", what, prefix)
	case 1:
		return found[0], nil
	}
	return "", holdfast.Errorf(holdfast.CodeConflict, "%s is the beginning of %d %ss", prefix, len(found), what)
}

// A Grant is the access that a person gave a client, as it may be shown.
type Grant struct {
	ID       string        `json:"id"`
	Client   string        `json:"client"`
	Name     string        `json:"name" help:"what the client calls itself"`
	User     string        `json:"user" help:"who gave access"`
	Resource string        `json:"resource" help:"the MCP endpoint"`
	Scopes   string        `json:"scopes"`
	Tier     holdfast.Tier `json:"tier" help:"the standing of the client's calls"`
	Redirect string        `json:"redirect" help:"where the code was sent"`
	Created  time.Time     `json:"created"`
	Used     time.Time     `json:"used,omitzero"`
	Expires  time.Time     `json:"expires" help:"when it ends unless the client uses it"`
	Ended    time.Time     `json:"ended,omitzero"`
	Reason   string        `json:"reason,omitempty" help:"why it ended"`
}

type grantsIn struct {
	Ended bool `json:"ended" help:"also those that ended in the last 30 days"`
}

type grantsOut struct {
	Grants []Grant `json:"grants"`
	// Closed tells why no access is given just now.
	Closed string `json:"closed,omitempty" help:"why no access is given just now"`
}

func (s office) listGrants(ctx context.Context, in grantsIn) (grantsOut, error) {
	where := `WHERE ended_ns = 0`
	if in.Ended {
		where = ""
	}
	out := grantsOut{Grants: []Grant{}, Closed: s.closed()}
	list, err := s.rows.grants(ctx, where)
	if err != nil {
		return out, fmt.Errorf("cannot list grants: %w", err)
	}
	for _, g := range list {
		out.Grants = append(out.Grants, Grant{
			ID: g.ID, Client: g.Client, Name: g.Name, User: g.User, Resource: g.Resource, Scopes: g.Scopes, Tier: bearerOf(g).Tier,
			Redirect: g.Redirect, Created: g.Created, Used: s.uses.last(g.ID, g.Used), Expires: g.Expires, Ended: g.Ended, Reason: g.Reason,
		})
	}
	return out, nil
}

// last is when a grant was used: as it is written down, or later.
func (u *uses) last(grant string, written time.Time) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if at := u.at[grant]; at.After(written) {
		return at.UTC()
	}
	return written
}

type grantIn struct {
	ID  string `json:"id" help:"the grant, or the unique beginning of its id" pos:"1"`
	All bool   `json:"all" help:"end the access of every client"`
}

func (s office) revokeGrant(ctx context.Context, in grantIn) (revoked, error) {
	if in.All == (in.ID != "") {
		return revoked{}, holdfast.BadInput("", holdfast.Problem{Field: "id", Message: "give either a grant's id or all"})
	}
	if in.All {
		s.tickets.drop(func(request) bool { return true })
		out, err := s.takeAway(ctx, "", nil, `DELETE FROM oauth_codes WHERE spent_ns = 0`)
		if err != nil {
			return revoked{}, fmt.Errorf("cannot end the grants: %w", err)
		}
		return out, nil
	}
	live, err := s.rows.grants(ctx, `WHERE ended_ns = 0`)
	if err != nil {
		return revoked{}, fmt.Errorf("cannot look the grant up: %w", err)
	}
	id, err := unique("grant", in.ID, idsOf(live))
	if err != nil {
		return revoked{}, err
	}
	return revoked{Revoked: []string{id}}, s.end(ctx, []string{id}, reasonPerson)
}

func (s office) checks() []holdfast.Check {
	return []holdfast.Check{{Name: "oauth", Run: func(context.Context) holdfast.CheckResult {
		r := holdfast.CheckResult{Check: "oauth", Status: holdfast.StatusOK, Detail: "MCP clients can ask for access at " + s.issuer() + authorizePath}
		if why := s.closed(); why != "" {
			r.Detail = why
			if s.settings.Load().Login != loginOff {
				r.Status, r.Detail = holdfast.StatusWarn, "MCP by OAuth does not start: "+why
			}
		}
		return r
	}}}
}

// toldFor is how long an alert tells of a token that came twice.
const toldFor = 24 * time.Hour

func (s office) alerts() []holdfast.AlertRule {
	rule := holdfast.AlertRule{Name: "grant.reused", Severity: holdfast.SeverityWarning, Summary: "a code or refresh token of an MCP client came a second time"}
	rule.Firing = func(ctx context.Context) []holdfast.Alert {
		list, err := s.rows.grants(ctx, `WHERE ended_ns > ? AND reason IN (?, ?)`, nanos(s.needs.Now().Add(-toldFor)), reasonCode, reasonRefresh)
		if err != nil {
			s.needs.Log.Warn("cannot tell whether a token was stolen", slog.Any("error", err))
		}
		var firing []holdfast.Alert
		for _, g := range list {
			firing = append(firing, holdfast.Alert{
				Subject: g.ID, Since: g.Ended,
				Message: fmt.Sprintf("the access of %s ended, because %s: somebody else may have had it", g.Name, g.Reason),
			})
		}
		return firing
	}
	return []holdfast.AlertRule{rule}
}

func (s office) report(ctx context.Context) (holdfast.Report, error) {
	out, err := s.listGrants(ctx, grantsIn{})
	r := holdfast.Report{Subject: "oauth"}
	if err != nil {
		return r, err
	}
	r.Observed = append(r.Observed, holdfast.Fact{
		Statement: "MCP clients with access", Value: fmt.Sprint(len(out.Grants)), Source: "oauth", Time: s.needs.Now().UTC(),
	})
	if out.Closed != "" {
		r.Notes = append(r.Notes, out.Closed)
	}
	return r, nil
}
