// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/upstream"
	"holdfast/core/action"
)

// Arguments are a tool's arguments as an action takes them. They are journaled by their names only,
// for only the tool's schema knows which are secret; the call's own entry shows the rest.
type Arguments map[string]json.RawMessage

// MarshalJSON shows the names.
func (a Arguments) MarshalJSON() ([]byte, error) {
	names := map[string]string{}
	for name := range a {
		names[plain.Show(name)] = "…"
	}
	return json.Marshal(names)
}

func (a Arguments) raw() (json.RawMessage, error) {
	return json.Marshal(map[string]json.RawMessage(a))
}

type listInput struct {
	Extension string `json:"extension" help:"only the tools of this extension or remote server; house for the house's own"`
	All       bool   `json:"all" help:"the house's own tools too"`
	Withheld  bool   `json:"withheld" help:"only those that are not offered until they are accepted"`
}

type listOutput struct {
	Tools   []Entry  `json:"tools"`
	Servers []Server `json:"servers"`
}

// A Server is how one tool server stands. Name is its extension's, with .mcp after it for the second
// of two.
type Server struct {
	Name      string             `json:"name"`
	Extension string             `json:"extension"`
	State     upstream.State     `json:"state"`
	PID       int                `json:"pid,omitempty"`
	Since     time.Time          `json:"since"`
	Tools     int                `json:"tools"`
	Starts    int                `json:"starts"`
	Failures  int                `json:"failures"`
	Error     string             `json:"error,omitempty"`
	Problems  []upstream.Problem `json:"problems,omitempty"`
	Log       string             `json:"log"`
}

type nameInput struct {
	Name string `json:"name" required:"true" pos:"1" help:"name of the tool in the catalogue"`
}

type callInput struct {
	Name      string    `json:"name" required:"true" pos:"1" help:"name of the tool in the catalogue"`
	Arguments Arguments `json:"arguments" pos:"2" help:"its arguments as a JSON object"`
}

type serverInput struct {
	Name string `json:"name" required:"true" pos:"1" help:"name of the tool server, which is its extension's"`
}

// lunaTools is the answer of the route that clients of the older hub use.
type lunaTools struct {
	Extensions map[string][]lunaTool `json:"extensions"`
	Remote     map[string]lunaRemote `json:"remote_mcp_servers"`
}

// lunaRemote is a remote server as master_config.json holds one.
type lunaRemote struct {
	ServerID  string              `json:"server_id"`
	URL       string              `json:"url"`
	Enabled   bool                `json:"enabled"`
	ToolCount int                 `json:"tool_count"`
	Tools     map[string]lunaTool `json:"tools"`
}

type lunaTool struct {
	Name      string `json:"name"`
	Enabled   bool   `json:"enabled"`
	Docstring string `json:"docstring"`
}

// a desk is where operators ask about the catalogue: its actions, check and alert.
type desk struct{ *Catalogue }

func (d desk) actions() []holdfast.Action {
	return slices.Concat(switchDesk{d}.actions(), hubDesk(d).actions(), d.offerActions(), []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "tool.list", Short: "tools", Summary: "List the tools of the catalogue, and how their servers stand",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast tools", "holdfast tools --extension notes --json"},
		}, d.list),
		action.NewAction(holdfast.Action{
			Name: "tool.all", Summary: "List the tools by extension, in the form of existing hub clients",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
			Routes: []holdfast.ActionRoute{{Method: "GET", Path: "/api/supervisor/tools/all"}},
		}, d.luna),
		action.NewAction(holdfast.Action{
			Name: "tool.show", Summary: "Show one tool with its schema and use",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Examples: []string{"holdfast tool show notes_add"},
		}, d.show),
		action.NewAction(holdfast.Action{
			Name: "tool.call", Summary: "Call a tool",
			Help: "The tool is called as by a program: what destroys asks for approval, even for an operator.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
			Examples: []string{`holdfast tool call notes_add '{"title": "milk"}'`},
		}, d.call),
		action.NewAction(holdfast.Action{
			Name: "tool.restart", Summary: "Start a tool server anew",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange,
			Subject:  func(in any) string { s, _ := in.(serverInput); return s.Name },
			Examples: []string{"holdfast tool restart notes"},
		}, func(ctx context.Context, in serverInput) (Server, error) {
			if err := d.Restart(ctx, in.Name); err != nil {
				return Server{}, err
			}
			return d.server(in.Name)
		}),
	})
}

func (d desk) list(ctx context.Context, in listInput) (listOutput, error) {
	all, err := d.everything(ctx)
	if err != nil {
		return listOutput{}, err
	}
	out := listOutput{Tools: []Entry{}, Servers: d.servers()}
	for _, e := range all {
		of := e.owner()
		if in.Extension != "" && of != in.Extension || in.Extension == "" && of == houseName && !in.All || in.Withheld && e.Standing == "" {
			continue
		}
		shown := e.whole()
		shown.Use = e.tally.use()
		out.Tools = append(out.Tools, shown)
	}
	return out, nil
}

// luna answers in the form of existing hub clients: what is not offered is not enabled.
func (d desk) luna(ctx context.Context, _ action.Nothing) (lunaTools, error) {
	out := lunaTools{Extensions: map[string][]lunaTool{}, Remote: map[string]lunaRemote{}}
	all, err := d.everything(ctx)
	if err != nil {
		return out, err
	}
	remote := func(id, at string, on bool) {
		at, _, _ = strings.Cut(at, "?") // some servers want their key in the query
		out.Remote[id] = lunaRemote{ServerID: id, URL: at, Enabled: on, Tools: map[string]lunaTool{}}
	}
	for id, server := range d.shelf.book.Load().remote {
		remote(id, server.URL, server.Enabled == nil || *server.Enabled)
	}
	for _, s := range d.all() {
		if s.decl.Remote != nil {
			remote(s.decl.Name, s.decl.Remote.URL, true)
			continue
		}
		out.Extensions[s.extension()] = []lunaTool{}
	}
	for _, e := range all {
		if e.source == nil {
			continue
		}
		tool := lunaTool{Name: e.Name, Enabled: e.EnabledInMCP && e.Standing == "", Docstring: e.Summary}
		if e.Standing != "" {
			tool.Docstring = "[" + string(e.Standing) + ": not offered until it is accepted]"
		}
		if e.elsewhere() {
			if of, listed := out.Remote[e.source.decl.Name]; listed {
				tool.Name = plain.Text(e.own, maxName) // by which the server's list switches it
				of.Tools[tool.Name] = tool
				of.ToolCount++
				out.Remote[of.ServerID] = of
			}
			continue
		}
		out.Extensions[e.Extension] = append(out.Extensions[e.Extension], tool)
	}
	return out, nil
}

func (d desk) call(ctx context.Context, in callInput) (Result, error) {
	arguments, err := in.Arguments.raw()
	if err != nil {
		return Result{}, holdfast.BadInput("", holdfast.Problem{Field: "arguments", Message: err.Error()})
	}
	return d.Call(ctx, holdfast.CallerFrom(ctx), in.Name, arguments)
}

// Servers is how every tool server of a catalogue stands, by name.
func Servers(c *Catalogue) []Server { return desk{c}.servers() }

// servers is how every tool server stands, by extension.
func (d desk) servers() []Server {
	var list []Server
	for _, s := range d.all() {
		list = append(list, s.status())
	}
	slices.SortFunc(list, func(a, b Server) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (d desk) server(name string) (Server, error) {
	list := d.servers()
	i := slices.IndexFunc(list, func(s Server) bool { return s.Name == name })
	if i < 0 {
		return Server{}, holdfast.Errorf(holdfast.CodeNotFound, "there is no tool server %q: `holdfast tools` lists them", name)
	}
	return list[i], nil
}

func (s *source) status() Server {
	status := s.Status()
	server := Server{
		Name: s.decl.Name, Extension: s.extension(), State: status.State, Since: status.Since, Tools: len(s.brings().tools),
		Starts: status.Starts, Failures: status.Failures, Problems: s.troubles(), Error: status.Error,
		Log: s.decl.Name + "_tools.log",
	}
	if len(status.Running) > 0 {
		server.PID = status.Running[0].PID
	}
	return server
}
