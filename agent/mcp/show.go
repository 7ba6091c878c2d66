// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/tools"
)

// The kinds of what is shown.
const (
	kindTool     = "tool"
	kindPrompt   = "prompt"
	kindResource = "resource"
	kindTemplate = "template"
)

// a showing is one thing to be shown: its form tells whether it changed, and add puts it up.
type showing struct {
	kind, name string
	form       any
	add        func()
}

// show brings what the face shows up to date; what is unchanged is left alone.
func (f *face) show(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	kept := map[string]bool{}
	for _, s := range f.offered(ctx) {
		key := s.kind + " " + s.name
		if kept[key] {
			continue
		}
		form, err := json.Marshal(s.form)
		if err == nil && f.shown[key] != string(form) {
			err = safely(s.add)
		}
		if err != nil {
			f.log.Warn("cannot serve what a server offers", slog.String(s.kind, s.name), slog.Any("error", err))
			continue
		}
		kept[key], f.shown[key] = true, string(form)
	}
	f.clear(kept)
}

// clear takes down what is not kept.
func (f *face) clear(kept map[string]bool) {
	gone := map[string][]string{}
	for key := range f.shown {
		if kept[key] {
			continue
		}
		kind, name, _ := strings.Cut(key, " ")
		gone[kind] = append(gone[kind], name)
		delete(f.shown, key)
	}
	for kind, names := range gone {
		switch kind {
		case kindTool:
			f.server.RemoveTools(names...)
		case kindPrompt:
			f.server.RemovePrompts(names...)
		case kindResource:
			f.server.RemoveResources(names...)
		case kindTemplate:
			f.server.RemoveResourceTemplates(names...)
		}
	}
}

// offered is what the view holds for clients.
func (f *face) offered(ctx context.Context) []showing {
	var list []showing
	for _, e := range f.view.Now() {
		if !e.EnabledInMCP {
			continue
		}
		tool := f.toolOf(e)
		list = append(list, showing{kindTool, tool.Name, tool, func() { f.server.AddTool(tool, f.call) }})
	}
	for _, e := range f.view.Prompts(ctx) {
		prompt := f.promptOf(e)
		list = append(list, showing{kindPrompt, prompt.Name, prompt, func() { f.server.AddPrompt(prompt, f.prompt) }})
	}
	for _, e := range f.view.Resources(ctx) {
		resource := f.resourceOf(e)
		list = append(list, showing{kindResource, resource.URI, resource, func() { f.server.AddResource(resource, f.read) }})
	}
	for _, e := range f.view.Templates(ctx) {
		template := f.templateOf(e)
		list = append(list, showing{kindTemplate, template.URITemplate, template, func() { f.server.AddResourceTemplate(template, f.read) }})
	}
	return list
}

// safely keeps the panic by which the library refuses a declaration from ending the house: the
// declaration comes from others.
func safely(add func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	add()
	return nil
}

func (f *face) toolOf(e tools.Entry) *sdk.Tool {
	if f.plain && e.Declared != nil {
		return e.Declared
	}
	tool := &sdk.Tool{
		Name: e.Name, Title: e.Title, Description: e.Summary, InputSchema: e.Input, Annotations: e.Hints,
		Meta: marked(e.Source, e.OwnName),
	}
	if len(e.Output) > 0 {
		tool.OutputSchema = e.Output
	}
	return tool
}

func (f *face) promptOf(e tools.PromptEntry) *sdk.Prompt {
	if f.plain && e.Declared != nil {
		return e.Declared
	}
	prompt := e.Prompt
	prompt.Meta = marked(e.Source, e.OwnName)
	return &prompt
}

func (f *face) resourceOf(e tools.ResourceEntry) *sdk.Resource {
	if f.plain && e.Declared != nil {
		return e.Declared
	}
	resource := e.Resource
	if e.Declared != nil { // the files of a skill are the house's, and are told as the extension for skills wants it
		resource.Meta = marked(e.Source, "")
	}
	return &resource
}

func (f *face) templateOf(e tools.TemplateEntry) *sdk.ResourceTemplate {
	if f.plain && e.Declared != nil {
		return e.Declared
	}
	template := e.ResourceTemplate
	template.Meta = marked(e.Source, "")
	return &template
}

// marked tells whose something is, and how they call it when the house calls it something else.
func marked(source, own string) sdk.Meta {
	mark := sdk.Meta{"holdfast/source": source}
	if own != "" {
		mark["holdfast/own_name"] = own
	}
	return mark
}
