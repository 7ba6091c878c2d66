// SPDX-License-Identifier: Apache-2.0

package template

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/action"
)

// A Summary is one template in a list.
type Summary struct {
	Name    string `json:"name"`
	Title   string `json:"title"`
	Summary string `json:"summary"`
	Program string `json:"program" help:"what must be installed"`
	Found   string `json:"found" help:"where the house finds it, or how to install it"`
}

// A Detail is all about one template.
type Detail struct {
	Summary
	Version string            `json:"version,omitempty" help:"what the program says"`
	Problem string            `json:"problem,omitempty" help:"why it cannot be used as it stands"`
	Needs   string            `json:"needs,omitempty"`
	Ready   string            `json:"ready"`
	Healthy string            `json:"healthy"`
	Model   string            `json:"model" help:"the model that it asks for when none is named"`
	Tokens  int64             `json:"tokens_per_day" help:"its budget when none is named"`
	Tier    string            `json:"tier" help:"what its key may do"`
	Files   map[string]string `json:"files" help:"what is written, before it is filled in"`
}

// Added is what an adding made.
type Added struct {
	Unit        string   `json:"unit"`
	Template    string   `json:"template"`
	Version     string   `json:"version" help:"what its program says"`
	Folder      string   `json:"folder" help:"what it may write; tasks go into inbox/"`
	Declaration string   `json:"declaration" help:"unit, sandbox and budget; edit it, then config reload"`
	Secrets     []string `json:"secrets" help:"its keys in .env"`
	Scope       string   `json:"scope" help:"of its budget"`
	Port        int      `json:"port,omitempty"`
	Operation   string   `json:"operation"`
	Warnings    []string `json:"warnings,omitempty" help:"a model that the gateway does not know now"`
}

type listOut struct {
	Templates []Summary `json:"templates"`
}

type showIn struct {
	Template string `json:"template" help:"the template's name" required:"true" pos:"1" max:"40"`
}

type addIn struct {
	Template string `json:"template" help:"the template's name" required:"true" pos:"1" max:"40"`
	Name     string `json:"name" help:"of the agent: its unit, folder, key and budget" required:"true" pos:"2" max:"40"`
	Model    string `json:"model" help:"the alias or provider/model that it asks for; its key opens no other" max:"200"`
	Tokens   *int64 `json:"tokens_per_day" help:"its budget; 0 allows nothing" min:"0"`
	Program  string `json:"program" help:"where its program is, absolute, when it is not on the PATH of the house" max:"1000"`
	Node     string `json:"node" help:"the Node.js that runs it, absolute, when it is not the one on the PATH of the house" max:"1000"`
	Port     int    `json:"port" help:"what it listens on, where it does" min:"0" max:"65535"`
}

// A board answers what callers ask of templates.
type board struct{ *Templates }

func (b board) actions() []holdfast.Action {
	read := func(name, summary string) holdfast.Action {
		return holdfast.Action{Name: name, Summary: summary, Tier: holdfast.TierOperator, Effect: holdfast.EffectRead, Offline: true}
	}
	list := read("template.list", "List the templates of agents that were written elsewhere")
	show := read("template.show", "Show one template, its files, and whether its program is there")
	list.Examples, show.Examples = []string{"holdfast template list"}, []string{"holdfast template show openclaw"}
	return []holdfast.Action{
		action.NewAction(list, b.list),
		action.NewAction(show, b.show),
		action.NewAction(holdfast.Action{
			Name: "template.add", Summary: "Add an agent as a unit whose model calls go through the gateway",
			Help: "It gets a key for the gateway that opens one model, a budget, a sandbox, a health check and a folder of its own. " +
				"What is written may be edited: agents/NAME and holdfast.d/NAME.yaml.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Subject: func(in any) string { a, _ := in.(addIn); return a.Name },
			Examples: []string{"holdfast template add claude-code worker", "holdfast template add openclaw companion --model chat --tokens-per-day 500000"},
		}, b.add),
		action.NewAction(holdfast.Action{
			Name: "template.remove", Summary: "Take an agent of a template out of the house: its unit ends, its keys open nothing any more",
			Help: "Nothing is destroyed: what it wrote stays in agents/NAME, its declaration beside the others as NAME.yaml.removed.",
			Tier: holdfast.TierOperator, Effect: holdfast.EffectChange, Subject: func(in any) string { r, _ := in.(removeIn); return r.Name },
			Examples: []string{"holdfast template remove worker"},
		}, b.remove),
	}
}

func kitOf(name string) (kit, bool) {
	all := kits()
	i := slices.IndexFunc(all, func(k kit) bool { return k.name == name })
	if i < 0 {
		return kit{}, false
	}
	return all[i], true
}

func known(name string) (kit, error) {
	if k, ok := kitOf(name); ok {
		return k, nil
	}
	var names []string
	for _, k := range kits() {
		names = append(names, k.name)
	}
	return kit{}, &holdfast.Error{
		Code: holdfast.CodeNotFound, Message: fmt.Sprintf("there is no template %.80q", name),
		Problems: []holdfast.Problem{{Field: "template", Message: "names no template", Remedy: "there are " + strings.Join(names, ", ")}},
	}
}

// fit tells whether a name can be a unit's, a folder's and a key's.
func fit(name string) bool {
	return regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`).MatchString(name)
}

func (k kit) summary() Summary {
	s := Summary{Name: k.name, Title: k.title, Summary: k.about, Program: k.program, Found: "not found; install it: " + k.install}
	if where, err := lookup("", k.program); err == nil {
		s.Found = where
	}
	return s
}

func (b board) list(context.Context, action.Nothing) (listOut, error) {
	var out listOut
	for _, k := range kits() {
		out.Templates = append(out.Templates, k.summary())
	}
	return out, nil
}

func (b board) show(ctx context.Context, in showIn) (Detail, error) {
	k, err := known(in.Template)
	if err != nil {
		return Detail{}, err
	}
	d := Detail{
		Summary: k.summary(), Needs: k.needs, Ready: k.ready, Healthy: k.healthy, Model: k.model, Tokens: k.tokens,
		Tier: holdfast.TierTenantPeer.String(), Files: map[string]string{},
	}
	for _, f := range append([]file{{dropIns + "/NAME.yaml", "shared/declaration.yaml"}}, inFolder(k.files)...) {
		text, err := fs.ReadFile(files, "files/"+f.source)
		if err != nil {
			return Detail{}, err
		}
		d.Files[f.path] = string(text)
	}
	if p, err := k.find(ctx, "", ""); err != nil {
		d.Problem = wordsOf(err)
	} else {
		d.Version = p.version
	}
	return d, nil
}

func inFolder(all []file) []file {
	placed := slices.Clone(all)
	for i := range placed {
		placed[i].path = "agents/NAME/" + placed[i].path
	}
	return placed
}

func (b board) add(ctx context.Context, in addIn) (Added, error) {
	k, err := known(in.Template)
	if err != nil {
		return Added{}, err
	}
	if err := in.check(k); err != nil {
		return Added{}, err
	}
	p, err := k.find(ctx, in.Program, in.Node)
	if err != nil {
		return Added{}, err
	}
	if c := b.needs.Config(); c != nil {
		if problems := c.Check(); len(problems) > 0 {
			return Added{}, holdfast.BadInput("cannot add "+in.Name+": the configuration must be mended first", problems...)
		}
	}
	b.adding.Lock()
	defer b.adding.Unlock()
	problems, err := b.taken(ctx, k, in.Name)
	if err != nil {
		return Added{}, err
	}
	if len(problems) > 0 {
		return Added{}, &holdfast.Error{Code: holdfast.CodeConflict, Message: "cannot add " + in.Name + ": the name is taken", Problems: problems}
	}
	a := b.agent(k, p, in)
	op, err := b.needs.Operations.Run(ctx, holdfast.CallerFrom(ctx), addKind, a)
	if err != nil {
		return Added{}, err
	}
	return Added{
		Unit: a.Name, Template: k.name, Version: p.version, Folder: a.Folder, Declaration: dropIns + "/" + a.Name + ".yaml",
		Secrets: k.secrets(a.Name), Scope: "agent:" + a.Name, Port: a.Port, Operation: op.ID,
		Warnings: b.doubt(a.Model),
	}, nil
}

// agent works out what is to be made.
func (b board) agent(k kit, p program, in addIn) agent {
	a := agent{
		Name: in.Name, Template: k.name, Model: first(in.Model, k.model), API: b.needs.API(), Program: p.run, Path: p.path, Read: append([]string{}, p.read...),
		Tokens: k.tokens, Confined: runtime.GOOS == "linux", Folder: b.needs.Home.Path("agents", in.Name),
		Mark: fmt.Sprintf("%s %s %s", k.name, time.Now().UTC().Format(time.RFC3339), strings.ToLower(rand.Text()[:8])),
	}
	if in.Tokens != nil {
		a.Tokens = *in.Tokens
	}
	if k.port > 0 {
		a.Port = in.Port
		for port := k.port; a.Port == 0; port++ {
			if b.free(port) {
				a.Port = port
			}
		}
	}
	return a
}

// free tells whether no unit has a port and nobody listens on it.
func (b board) free(port int) bool {
	if slices.ContainsFunc(b.needs.Units(), func(u holdfast.UnitStatus) bool { return u.Port == port }) {
		return false
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // it binds at once
	return err == nil && l.Close() == nil
}

func (in addIn) check(k kit) error {
	problems := map[string]holdfast.Problem{}
	if !fit(in.Name) {
		problems["name"] = holdfast.Problem{Message: fmt.Sprintf("%.80q cannot name an agent", in.Name), Remedy: "a-z first, then a-z, 0-9 and -"}
	}
	if strings.ContainsAny(in.Model, " \t\r\n*") {
		problems["model"] = holdfast.Problem{Message: fmt.Sprintf("%.80q names no model", in.Model), Remedy: "an alias such as chat, or provider/model"}
	}
	for field, path := range map[string]string{"program": in.Program, "node": in.Node} {
		if path != "" && !strings.HasPrefix(path, "/") {
			problems[field] = holdfast.Problem{Message: fmt.Sprintf("%.80q is not absolute", path), Remedy: "name it from the root on"}
		}
	}
	if in.Port != 0 && k.port == 0 {
		problems["port"] = holdfast.Problem{Message: k.title + " listens on no port", Remedy: "leave it out"}
	}
	if len(problems) == 0 {
		return nil
	}
	var list []holdfast.Problem
	for _, field := range slices.Sorted(maps.Keys(problems)) {
		p := problems[field]
		p.Field = field
		list = append(list, p)
	}
	return holdfast.BadInput("cannot add "+k.title, list...)
}

// wordsOf is an error with what it would take.
func wordsOf(err error) string {
	bad, ok := errors.AsType[*holdfast.Error](err)
	if !ok || len(bad.Problems) == 0 {
		return err.Error()
	}
	return bad.Problems[0].Message + "; " + bad.Problems[0].Remedy
}

// doubt warns of a model that the gateway does not know now. It is no error: an alias may come later.
func (b board) doubt(model string) []string {
	if b.needs.Knows == nil || b.needs.Knows(model) {
		return nil
	}
	return []string{fmt.Sprintf("there is no model %.200q now: all calls of it are refused until there is an alias, an agent or a provider of that name", model)}
}
