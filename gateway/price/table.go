// SPDX-License-Identifier: Apache-2.0

package price

import (
	_ "embed"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed prices.yaml
var embedded []byte

// table is the embedded prices.
type table struct {
	Dated   string            `json:"dated"`
	Vendors map[string]vendor `json:"vendors"`
}

type vendor struct {
	Source string           `json:"source"`
	Models map[string]Model `json:"models"`
	find   map[string]*entry
}

// load reads the embedded table; a mistake in it is found by a test.
func load() (*table, error) {
	t := &table{}
	if err := yaml.UnmarshalWithOptions(embedded, t, yaml.UseJSONUnmarshaler()); err != nil {
		return nil, fmt.Errorf("cannot read the embedded prices: %w", err)
	}
	for name, v := range t.Vendors {
		v.find = map[string]*entry{}
		for model, written := range v.Models {
			e := written.entry()
			e.vendor, e.name, e.source = name, model, v.Source
			for _, known := range append([]string{model}, written.Aliases...) {
				v.find[known] = e
			}
		}
		t.Vendors[name] = v
	}
	return t, nil
}

// vendorNames are the vendors that a provider may be said to charge by.
func vendorNames() []string {
	return []string{"anthropic", "azure", "bedrock", "deepseek", Free, "google", "groq", "mistral", "moonshot", "openai", "openrouter", "xai", "zai"}
}

// VendorOf tells by whose prices a provider charges, from its flavor or kind and its address; empty
// when that does not tell. What runs on the operator's own machine is free; a proxy there is not.
func VendorOf(flavor, address string) string {
	switch flavor {
	case "rehearsal":
		return Free
	case "ollama", "llamacpp", "vllm":
		if own(address) {
			return Free
		}
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	host := u.Hostname()
	switch {
	case host == "" && flavor == "anthropic":
		return "anthropic"
	case host == "openrouter.ai":
		return "openrouter"
	case strings.HasSuffix(host, ".openai.azure.com"), strings.HasSuffix(host, ".services.ai.azure.com"):
		return "azure"
	case strings.HasPrefix(host, "bedrock-runtime") && strings.HasSuffix(host, ".amazonaws.com"),
		strings.HasPrefix(host, "bedrock-mantle.") && strings.HasSuffix(host, ".api.aws"):
		return "bedrock"
	}
	for name, hosts := range hosts() {
		if slices.Contains(hosts, host) {
			return name
		}
	}
	return ""
}

func hosts() map[string][]string {
	return map[string][]string{
		"anthropic": {"api.anthropic.com"}, "openai": {"api.openai.com", "eu.api.openai.com", "us.api.openai.com"},
		"google": {"generativelanguage.googleapis.com"}, "mistral": {"api.mistral.ai", "codestral.mistral.ai"},
		"groq": {"api.groq.com"}, "zai": {"api.z.ai"}, "deepseek": {"api.deepseek.com"},
		"xai": {"api.x.ai"}, "moonshot": {"api.moonshot.ai"},
	}
}

// own tells whether an address is of the operator's own machines.
func own(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	return private(u.Hostname())
}

// lookup finds a model of a vendor; nil when its price is not known.
func (t *table) lookup(name, model string) *entry {
	model = strings.TrimSpace(strings.ToLower(model))
	switch name {
	case "openrouter":
		return t.routed(model)
	case "azure":
		name = "openai"
	case "bedrock":
		return t.bedrock(model)
	}
	v, ok := t.Vendors[name]
	if !ok {
		return nil
	}
	for _, form := range forms(name, model) {
		if e := v.find[form]; e != nil {
			return e
		}
	}
	return nil
}

// forms are the names under which a model may stand in the table, the most exact first. A name is
// only ever shortened by what is no part of a model's name: the vendor in front, a date behind.
func forms(vendor, model string) []string {
	list := []string{model}
	add := func(form string) {
		if form != "" && !slices.Contains(list, form) {
			list = append(list, form)
		}
	}
	for i := 0; i < len(list); i++ {
		form := list[i]
		add(strings.TrimPrefix(form, vendor+"/"))
		add(undated(form))
		switch vendor {
		case "google":
			add(strings.TrimPrefix(form, "models/"))
		case "anthropic":
			add(strings.TrimSuffix(form, "[1m]"))
			add(strings.ReplaceAll(form, ".", "-"))
		}
	}
	return list
}

// routed reads OpenRouter's names: author/model:variant. It charges what the authors of closed
// models charge; what an open model costs depends on who serves it.
func (t *table) routed(model string) *entry {
	author, name, ok := strings.Cut(strings.TrimPrefix(model, "openrouter/"), "/")
	if !ok {
		return nil
	}
	name, variant, _ := strings.Cut(name, ":")
	switch {
	case variant == "free":
		return freeEntry("openrouter", model)
	case variant != "":
		return nil
	}
	vendor, ok := map[string]string{"anthropic": "anthropic", "openai": "openai", "google": "google", "x-ai": "xai"}[author]
	if !ok {
		return nil
	}
	return t.lookup(vendor, name)
}

// bedrock reads names such as eu.anthropic.claude-opus-4-5-20251101-v1:0. Since Claude Sonnet 4.5 what
// is answered within one region or geography costs a tenth more than what may be answered anywhere.
func (t *table) bedrock(model string) *entry {
	place, inner, ok := strings.Cut(model, "anthropic.")
	if !ok || !slices.Contains([]string{"", "global.", "us.", "eu.", "apac.", "jp.", "au."}, place) {
		return nil
	}
	if name, version, ok := strings.Cut(inner, "-v"); ok && digits(strings.ReplaceAll(version, ":", "")) {
		inner = name
	}
	e := t.lookup("anthropic", inner)
	if e == nil || place == "global." || everywhereAlike(e.name) {
		return e
	}
	return e.dearer(11, 10, "regional", bedrockSource)
}

const bedrockSource = "https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html"

// everywhereAlike tells models from before Claude Sonnet 4.5, which cost the same in every region.
func everywhereAlike(model string) bool {
	switch model {
	case "claude-opus-4-1", "claude-opus-4", "claude-sonnet-4":
		return true
	}
	return strings.HasPrefix(model, "claude-3")
}

func freeEntry(vendor, model string) *entry {
	zero := 0.0
	e := Model{Input: &zero, Output: &zero}.entry()
	e.vendor, e.name = vendor, model
	return e
}

// undated takes a date of the forms -20251101, @20251101 and -2025-11-01 away.
func undated(model string) string {
	if n := len(model) - len("-20251101"); n > 0 && (model[n] == '-' || model[n] == '@') && date(model[n+1:]) {
		return model[:n]
	}
	if n := len(model) - len("-2025-11-01"); n > 0 && model[n] == '-' {
		tail := model[n+1:]
		if tail[4] == '-' && tail[7] == '-' && date(strings.ReplaceAll(tail, "-", "")) {
			return model[:n]
		}
	}
	return ""
}

// date tells 20251101 from any eight digits.
func date(text string) bool {
	return len(text) == 8 && digits(text) && text[:2] == "20" && text[4:6] >= "01" && text[4:6] <= "12" && text[6:] >= "01" && text[6:] <= "31"
}

func digits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// sorted is the names of the models of a vendor.
func (v vendor) sorted() []string { return slices.Sorted(maps.Keys(v.Models)) }
