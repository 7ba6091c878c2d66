// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/yosida95/uritemplate/v3"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/agent/skills"
	"holdfast/agent/tools/pin"
	"holdfast/agent/upstream"
)

// shelves are the skills of the house, which are prompts and resources too.
type shelves interface {
	Offered() []skills.Skill
	Find(name string) (skills.Skill, error)
	Resource(uri string) (skills.Skill, skills.File, error)
	Read(k skills.Skill, path string) ([]byte, error)
}

// seenSkills tells whether the house's skills are in the sight: not in a hub of other servers.
func (s sight) seenSkills() bool {
	if s.hub.picks() && s.find(skillTool) == nil {
		return false
	}
	return !s.none && s.caller.Only == "" && s.caller.Tier >= holdfast.TierTenantPeer && s.hub.has(houseName, "") && s.scope.Preset == nil
}

func (s sight) seenPrompts() []*promptEntry {
	shown := s.shown()
	return slices.DeleteFunc(slices.Clone(s.prompts), func(e *promptEntry) bool {
		if e.source == nil {
			return !s.seenSkills()
		}
		return e.Standing != "" || !shown(e.source)
	})
}

func (s sight) seenResources() []*resourceEntry {
	shown := s.shown()
	taken := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(s.resources), func(e *resourceEntry) bool {
		if e.source == nil && !s.seenSkills() || e.source != nil && (e.Standing != "" || !shown(e.source)) || taken[e.URI] {
			return true
		}
		taken[e.URI] = true
		return false
	})
}

func (s sight) seenTemplates() []*templateEntry {
	shown := s.shown()
	return slices.DeleteFunc(slices.Clone(s.templates), func(e *templateEntry) bool { return e.Standing != "" || !shown(e.source) })
}

// shown remembers which sources are seen.
func (s sight) shown() func(*source) bool {
	known := map[*source]bool{}
	return func(of *source) bool {
		seen, asked := known[of]
		if !asked {
			seen = s.shows(of)
			known[of] = seen
		}
		return seen
	}
}

// Prompts are the prompts of the servers whose tools are seen, and the house's skills.
func (v View) Prompts(ctx context.Context) []PromptEntry {
	_ = v.catalogue.settle(ctx) // what is there is answered
	s := v.sight()
	list := []PromptEntry{}
	for _, e := range s.seenPrompts() {
		shown := e.PromptEntry
		if s.hub.bare() && e.source != nil {
			shown.Name, shown.OwnName = e.own, ""
		}
		list = append(list, shown)
	}
	return list
}

// Resources are those of the servers whose tools are seen, and the files of the house's skills.
func (v View) Resources(ctx context.Context) []ResourceEntry {
	_ = v.catalogue.settle(ctx)
	list := []ResourceEntry{}
	for _, e := range v.sight().seenResources() {
		list = append(list, e.ResourceEntry)
	}
	return list
}

// Templates are the templates of resources of the servers whose tools are seen.
func (v View) Templates(ctx context.Context) []TemplateEntry {
	_ = v.catalogue.settle(ctx)
	list := []TemplateEntry{}
	for _, e := range v.sight().seenTemplates() {
		list = append(list, e.TemplateEntry)
	}
	return list
}

// findPrompt finds a prompt in the sight, nil when it is not seen.
func (s sight) findPrompt(name string) *promptEntry {
	for _, e := range s.seenPrompts() {
		if e.Name == name && (!s.hub.bare() || e.source == nil) || s.hub.bare() && e.source != nil && e.own == name {
			return e
		}
	}
	return nil
}

// prompt finds a prompt that is seen.
func (v View) prompt(ctx context.Context, name string) (*promptEntry, error) {
	for range 2 {
		if e := v.sight().findPrompt(name); e != nil {
			return e, nil
		}
		if err := v.catalogue.settle(ctx); err != nil {
			return nil, err
		}
	}
	return nil, noPrompt(name)
}

func noPrompt(name string) error {
	return holdfast.Errorf(holdfast.CodeNotFound, "there is no prompt %q", plain.Text(name, maxName))
}

// Prompt fills in a prompt.
func (v View) Prompt(ctx context.Context, r upstream.Request) (*mcp.GetPromptResult, error) {
	found := v.catalogue.snapshot()
	e, err := v.prompt(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	if len(r.Arguments) > maxArguments {
		return nil, holdfast.BadInput("bad arguments for a prompt", holdfast.Problem{
			Message: fmt.Sprintf("the arguments are %d bytes, want at most %d", len(r.Arguments), maxArguments),
		})
	}
	u := use{view: v, action: "prompt.get", kind: pin.KindPrompt, name: e.Name, source: e.Source, tally: e.tally, arguments: r.Arguments}
	return using(ctx, u, func(ctx context.Context) (*mcp.GetPromptResult, int, error) {
		if e.source == nil {
			return v.skillPrompt(e)
		}
		r.Name, r.Still = e.own, v.still(found, e.same(r.Name))
		result, err := e.source.Prompt(ctx, r)
		return result, cutPrompt(result, int(v.catalogue.settings().Result)), err
	})
}

// same refuses a prompt that is not any more what it was found as.
func (e *promptEntry) same(name string) func(sight) error {
	return func(s sight) error {
		if now := s.findPrompt(name); now == nil || now.source != e.source || !bytes.Equal(now.form, e.form) {
			return moved("prompt", name)
		}
		return nil
	}
}

// sameResource refuses a resource that another source brings than the one in which it was found, or none.
func sameResource(uri string, from *source) func(sight) error {
	return func(s sight) error {
		if now, _, ok := s.bringer(uri); !ok || now != from {
			return moved("resource", uri)
		}
		return nil
	}
}

func (v View) skillPrompt(e *promptEntry) (*mcp.GetPromptResult, int, error) {
	known := v.catalogue.needs.Skills
	k, err := known.Find(e.skill)
	if err != nil {
		return nil, 0, err
	}
	text, err := known.Read(k, "")
	if err != nil {
		return nil, 0, err
	}
	result := &mcp.GetPromptResult{
		Description: e.Description,
		Messages:    []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: strings.ToValidUTF8(string(text), "�")}}},
	}
	return result, cutPrompt(result, int(v.catalogue.settings().Result)), nil
}

// Skills are those that the view shows; shown is false where it has none of the house's.
func (v View) Skills() (list []skills.Skill, shown bool) {
	if v.catalogue.needs.Skills == nil || !v.sight().seenSkills() {
		return nil, false
	}
	return *v.catalogue.offered.Load(), true
}

// bringer finds whose a resource is: a listed one's source, else the one whose template fits, else
// the one server of a hub that shows it as it is.
func (s sight) bringer(uri string) (from *source, skill, ok bool) {
	for _, e := range s.byURI[uri] {
		if e.source == nil && s.seenSkills() {
			return nil, true, true
		}
		if e.source != nil && e.Standing == "" && s.shows(e.source) {
			return e.source, false, true
		}
	}
	if len(s.byURI[uri]) > 0 {
		return nil, false, false // it is listed and not to be seen: no template may reach it
	}
	for _, t := range s.seenTemplates() {
		if fits(t.URITemplate, uri) {
			return t.source, false, true
		}
	}
	if s.hub.bare() {
		for _, from := range s.catalogue.all() {
			if s.shows(from) {
				return from, false, true
			}
		}
	}
	return nil, false, false
}

// fits tells whether an address is one that a template makes.
func fits(template, uri string) bool {
	if len(template) > 1000 || len(uri) > maxURI {
		return false
	}
	parsed, err := uritemplate.New(template)
	return err == nil && parsed.Regexp().MatchString(uri)
}

const maxURI = 8 << 10

func (v View) resource(ctx context.Context, uri string) (from *source, skill bool, err error) {
	for range 2 {
		if from, skill, ok := v.sight().bringer(uri); ok {
			return from, skill, nil
		}
		if err := v.catalogue.settle(ctx); err != nil {
			return nil, false, err
		}
	}
	return nil, false, noResource(uri)
}

func noResource(uri string) error {
	return holdfast.Errorf(holdfast.CodeNotFound, "there is no resource %q", plain.Text(uri, 300))
}

// Read reads a resource; the request's name is its address.
func (v View) Read(ctx context.Context, r upstream.Request) (*mcp.ReadResourceResult, error) {
	found := v.catalogue.snapshot()
	from, skill, err := v.resource(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	source := "skills"
	if !skill {
		source = from.label()
	}
	u := use{view: v, action: "resource.read", kind: pin.KindResource, name: r.Name, source: source}
	// Addresses are without number, so reads are counted by who answers.
	u.tally = v.catalogue.usage.of(pin.Of(source, pin.KindResource, ""))
	return using(ctx, u, func(ctx context.Context) (*mcp.ReadResourceResult, int, error) {
		if skill {
			return v.skillFile(r.Name)
		}
		r.Still = v.still(found, sameResource(r.Name, from))
		result, err := from.Read(ctx, r)
		size := cutResource(result, int(v.catalogue.settings().Result))
		return result, size, err
	})
}

func (v View) skillFile(uri string) (*mcp.ReadResourceResult, int, error) {
	known := v.catalogue.needs.Skills
	k, f, err := known.Resource(uri)
	if err != nil {
		return nil, 0, err
	}
	data, err := known.Read(k, f.Path)
	if err != nil {
		return nil, 0, err
	}
	content := &mcp.ResourceContents{URI: uri, MIMEType: mimeOf(f.Path)}
	if utf8.Valid(data) && !slices.Contains(data, 0) {
		content.Text = string(data)
	} else {
		content.Blob = data
	}
	result := &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{content}}
	return result, cutResource(result, int(v.catalogue.settings().Result)), nil
}

// cutResource holds what was read, and what stands beside it, to the size of a result. What is larger
// is cut when it is text, and left out when it is not. It answers the size of what was read.
func cutResource(result *mcp.ReadResourceResult, limit int) (size int) {
	if result == nil {
		return 0
	}
	notice, left := fmt.Sprintf("[cut: the resource is larger than %d bytes]", limit), limit
	var told []*mcp.ResourceContents
	var uri string
	for _, content := range result.Contents {
		if content == nil {
			continue
		}
		uri = content.URI
		body, beside := len(content.Text)+len(content.Blob), sizeOf(content.Meta)
		size += body + beside
		if body+beside <= left {
			left -= body + beside
			continue
		}
		content.Meta = nil
		if body <= left && content.Blob != nil {
			left -= body
			told = append(told, &mcp.ResourceContents{URI: uri, MIMEType: "text/plain", Text: notice})
			continue
		}
		content.Text, content.Blob = strings.TrimPrefix(plain.Cut(content.Text, left)+"\n"+notice, "…\n"), nil
		left -= min(left, body)
	}
	if beside := sizeOf(result.Meta); beside > limit {
		result.Meta, told = nil, append(told, &mcp.ResourceContents{URI: uri, MIMEType: "text/plain", Text: notice})
		size += beside
	}
	result.Contents = append(result.Contents, told...)
	return size
}

// cutPrompt holds a filled-in prompt to the size of a result.
func cutPrompt(result *mcp.GetPromptResult, limit int) (size int) {
	if result == nil {
		return 0
	}
	if len(result.Description) > limit {
		result.Description = plain.Cut(result.Description, limit)
	}
	if sizeOf(result.Meta) > limit {
		result.Meta = nil
	}
	for i, m := range result.Messages {
		if m == nil || m.Content == nil {
			continue
		}
		kept, took := fit(m.Content, limit-size)
		if kept != m.Content {
			notice := fmt.Sprintf("[cut: the prompt is larger than %d bytes]", limit)
			if text, ok := kept.(*mcp.TextContent); ok {
				notice = text.Text + "\n" + notice
			}
			m.Content, result.Messages = &mcp.TextContent{Text: notice}, result.Messages[:i+1]
			return limit
		}
		size += took
	}
	return size
}

// Complete completes an argument of a prompt or of a template.
func (v View) Complete(ctx context.Context, p *mcp.CompleteParams) (*mcp.CompleteResult, error) {
	nothing := &mcp.CompleteResult{Completion: mcp.CompletionResultDetails{Values: []string{}}}
	if p == nil || p.Ref == nil {
		return nil, holdfast.BadInput("", holdfast.Problem{Field: "ref", Message: "names no prompt and no resource"})
	}
	found := v.catalogue.snapshot()
	asked, ref := *p, *p.Ref
	asked.Ref = &ref
	from, name, same, err := v.sight().completer(&ref)
	if err != nil || from == nil || !from.brings().completes {
		return nothing, err
	}
	u := use{view: v, kind: "completion", name: name, source: from.label()}
	return using(ctx, u, func(ctx context.Context) (*mcp.CompleteResult, int, error) {
		result, err := from.Complete(ctx, &asked, v.still(found, same))
		if err == nil && len(result.Completion.Values) > maxCompletions {
			result.Completion.Values, result.Completion.HasMore = result.Completion.Values[:maxCompletions], true
		}
		return result, 0, err
	})
}

// completer is who completes arguments of what is referred to, nil for a skill, which takes none; a
// prompt's name becomes the one that its server gave it. Who types does not wait for servers that start.
func (s sight) completer(ref *mcp.CompleteReference) (from *source, name string, same func(sight) error, err error) {
	if ref.Type == "ref/prompt" {
		asked := ref.Name
		e := s.findPrompt(asked)
		if e == nil {
			return nil, "", nil, noPrompt(asked)
		}
		if e.source == nil {
			return nil, "", nil, nil
		}
		ref.Name = e.own
		return e.source, e.Name, e.same(asked), nil
	}
	if from := s.template(ref.URI); from != nil {
		return from, ref.URI, func(now sight) error {
			if now.template(ref.URI) != from {
				return moved("resource", ref.URI)
			}
			return nil
		}, nil
	}
	from, skill, ok := s.bringer(ref.URI)
	switch {
	case !ok:
		return nil, "", nil, noResource(ref.URI)
	case skill:
		return nil, "", nil, nil
	}
	return from, ref.URI, sameResource(ref.URI, from), nil
}

// maxCompletions is the protocol's bound.
const maxCompletions = 100

// template is the source of a template that is seen, nil where none is.
func (s sight) template(text string) *source {
	for _, t := range s.seenTemplates() {
		if t.URITemplate == text {
			return t.source
		}
	}
	return nil
}

// a use is one use of a prompt or a resource on its way.
type use struct {
	view      View
	action    string // what the journal calls it; empty is not journaled
	kind      string
	name      string
	source    string
	tally     *tally
	arguments json.RawMessage
}

// using bounds a use in time, counts it, and journals how it ended.
func using[R any](ctx context.Context, u use, do func(context.Context) (R, int, error)) (R, error) {
	c := u.view.catalogue
	limit := c.settings().Timeout
	bounded, cancel := within(ctx, limit.Std())
	defer cancel()
	began := time.Now()
	result, size, err := do(bounded)
	took := time.Since(began)
	if err != nil && errors.Is(context.Cause(bounded), upstream.ErrTimeout) {
		err = &holdfast.Error{
			Code: holdfast.CodeUnavailable, Message: fmt.Sprintf("%s did not answer within %s, so it was given up", u.source, limit), Err: err,
		}
	}
	outcome := holdfast.OutcomeDone
	if err != nil {
		outcome = holdfast.OutcomeFailed
	}
	if u.tally != nil {
		count(c, u.tally, u.kind, u.source, outcome, took)
	} else if c.needs.Meter != nil {
		c.needs.Meter(u.kind, u.source, outcome, took)
	}
	if u.action != "" {
		u.journal(ctx, outcome, took, size, err)
	}
	return result, err
}

func (u use) journal(ctx context.Context, outcome holdfast.Outcome, took time.Duration, size int, err error) {
	detail := map[string]any{"source": u.source, "result_bytes": size}
	if len(u.arguments) > 0 {
		detail["arguments"] = Redacted(u.arguments, nil)
	}
	if u.view.scope.Hub != "" {
		detail["hub"] = u.view.scope.Hub
	}
	if agent := holdfast.AgentFrom(ctx); agent != "" {
		detail["agent"] = agent
	}
	if err != nil {
		detail["error"] = plain.Cut(err.Error(), maxShown)
	}
	caller := u.view.caller
	// A caller that hung up must not keep the outcome out of the journal.
	_, failed := u.view.catalogue.needs.Journal.Append(context.WithoutCancel(ctx), holdfast.Entry{
		Caller: caller.String(), Tier: caller.Tier, Action: u.action, Subject: plain.Show(plain.Text(u.name, 300)),
		Outcome: outcome, Duration: took, Detail: pin.Form(detail),
	})
	if failed != nil {
		u.view.catalogue.needs.Log.Error("cannot journal", slog.String("action", u.action), slog.Any("error", failed))
	}
}

// mimeOf is the kind of a skill's file.
func mimeOf(name string) string {
	switch path.Ext(name) {
	case ".md":
		return "text/markdown"
	case ".py", ".sh", ".txt", ".yaml", ".yml", ".toml":
		return "text/plain"
	}
	if known, _, err := mime.ParseMediaType(mime.TypeByExtension(path.Ext(name))); err == nil {
		return known
	}
	return "application/octet-stream"
}
