// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"holdfast"
	"holdfast/core/config"
	"holdfast/gateway/cache"
	"holdfast/gateway/route"
)

// Config is the section models of holdfast.yaml.
type Config struct {
	// Providers are the sources of models, by name.
	Providers map[string]Provider `json:"providers"`
	// Profile is the bundle of profiles that sets chat, fallback, compaction and fast; empty for none.
	Profile string `json:"profile"`
	// Profiles are the bundles by name, as init pinned them: a newer Holdfast proposes its own
	// (models policy) and never applies it. Each line is a chain of provider/model or of aliases.
	Profiles map[string]route.Bundle `json:"profiles"`
	// Aliases are the model names that agents use, besides and before those of the profile; each is a
	// chain of provider/model, or of other aliases, tried from left to right.
	Aliases map[string][]string `json:"aliases"`
	// Wait is the most time that a call waits when every model of its chain cools down, if that may
	// help; after it, or at once when it cannot, the call is refused with Retry-After.
	Wait config.Duration `json:"wait"`
	// Timeouts bound the silence of a provider.
	Timeouts Timeouts `json:"timeouts"`
	// Retries is how often the last of a chain is asked again, after a moment, when it could not be
	// reached or failed within itself and nothing was streamed.
	Retries int `json:"retries" min:"0" max:"5"`
	// RequestLog writes a line a call, without bodies, into var/gateway/requests.jsonl.
	RequestLog bool `json:"request_log"`
	// Capture keeps whole requests and answers, redacted, in var/gateway/capture.jsonl.
	Capture Capture `json:"capture"`
	// Cache keeps answers to identical deterministic requests in memory.
	Cache cache.Config `json:"cache"`
}

// Provider is one source of models.
type Provider struct {
	// Kind is openai for any server that speaks OpenAI's chat completions, anthropic for one that
	// speaks Anthropic's messages, rehearsal for the scripted model inside the house.
	Kind string `json:"kind" enum:"openai,anthropic,rehearsal"`
	// URL is the server's base address, with its version: https://api.example.com/v1.
	URL string `json:"url,omitempty"`
	// Flavor names the server's peculiarities; empty for what the address tells.
	Flavor string `json:"flavor,omitempty" enum:",generic,openai,responses,anthropic,openrouter,gemini,azure,bedrock,groq,mistral,zai,ollama,llamacpp,vllm"`
	// APIVersion is sent as api-version, as Azure wants with addresses that do not end in /v1.
	APIVersion string `json:"api_version,omitempty"`
	// Speaks lists dialects that the server speaks beside those of its flavor: chat, responses,
	// embeddings, messages.
	Speaks []string `json:"speaks,omitempty"`
	// Headers are sent with every call, such as HTTP-Referer; no key belongs here.
	Headers map[string]string `json:"headers,omitempty"`
	// Key names the key of .env that the server wants; empty when it wants none.
	Key string `json:"key,omitempty"`
	// Script is the rehearsal's script, relative to the home; empty for the default answers.
	Script string `json:"script,omitempty"`
}

// Timeouts bound the silence of a provider.
type Timeouts struct {
	// Connect is the most time to have a connection.
	Connect config.Duration `json:"connect"`
	// FirstByte is the most time from the request to the first word of a stream.
	FirstByte config.Duration `json:"first_byte"`
	// Answer is the most time from the request to a plain answer.
	Answer config.Duration `json:"answer"`
	// Stall is the most time between two pieces of an answer.
	Stall config.Duration `json:"stall"`
}

// Defaults is the section of a home that says nothing: the rehearsal model alone.
func Defaults() Config {
	return Config{
		Providers: map[string]Provider{"rehearsal": {Kind: kindRehearsal}},
		Profile:   route.Balanced,
		Profiles:  route.Propose([]route.Source{{Name: "rehearsal", Vendor: route.Rehearsal}}),
		Wait:      config.Duration(5 * time.Second),
		Timeouts: Timeouts{
			Connect:   config.Duration(10 * time.Second),
			FirstByte: config.Duration(2 * time.Minute),
			Answer:    config.Duration(10 * time.Minute),
			Stall:     config.Duration(time.Minute),
		},
		Retries: 1,
		Capture: Capture{MaxMB: 16, MaxBodyKB: 256},
		Cache:   cache.Defaults(),
	}
}

// mostWait bounds how long a call may hold its connection for a model that cools down.
const mostWait = config.Duration(10 * time.Minute)

const (
	kindOpenAI    = "openai"
	kindAnthropic = "anthropic"
	kindRehearsal = "rehearsal"
)

// Check lists what the types of the fields do not tell.
func (c Config) Check() []holdfast.Problem {
	var found []holdfast.Problem
	add := func(field, message, remedy string) {
		found = append(found, holdfast.Problem{Field: field, Message: message, Remedy: remedy})
	}
	for _, name := range slices.Sorted(maps.Keys(c.Providers)) {
		c.Providers[name].check(name, add)
	}
	c.checkProfiles(add)
	for _, name := range slices.Sorted(maps.Keys(c.Aliases)) {
		c.checkAlias(name, add)
	}
	c.Capture.check(add)
	c.Cache.Check(add)
	if _, taken := c.Providers[cachedBy]; taken && c.Cache.On {
		add("providers."+cachedBy, "is how the ledger calls answers from models.cache", "call the provider something else")
	}
	for field, d := range map[string]config.Duration{
		"connect": c.Timeouts.Connect, "first_byte": c.Timeouts.FirstByte, "answer": c.Timeouts.Answer, "stall": c.Timeouts.Stall,
	} {
		if d <= 0 {
			add("timeouts."+field, "must be above 0", "for example 30s")
		}
	}
	if c.Wait < 0 || c.Wait > mostWait {
		add("wait", "must be between 0s and 10m", "for example 5s")
	}
	return found
}

func (p Provider) check(name string, add func(field, message, remedy string)) {
	field := "providers." + name
	if name == "" || strings.ContainsAny(name, "/ \t\n") {
		add(field, "a provider's name has no slash and no space", "")
	}
	switch p.Kind {
	case kindOpenAI, kindAnthropic:
		p.checkURL(field+".url", add)
		p.checkRemote(field, add)
		if p.Script != "" {
			add(field+".script", "is for kind rehearsal", "")
		}
	case kindRehearsal:
		if p.URL != "" || p.Key != "" || p.Flavor != "" || len(p.Speaks)+len(p.Headers) > 0 {
			add(field, "kind rehearsal has only a script", "it answers from its script, inside the house")
		}
	default:
		add(field+".kind", fmt.Sprintf("%q is no kind of provider", p.Kind), "want openai, anthropic or rehearsal")
	}
}

func (p Provider) checkURL(field string, add func(field, message, remedy string)) {
	const remedy = "want a base address such as https://api.example.com/v1"
	u, err := url.Parse(p.URL)
	switch {
	case p.URL == "":
		add(field, "is required for kind "+p.Kind, remedy)
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		add(field, "is no http or https address", remedy)
	case u.User != nil:
		add(field, "must hold no password", "put the key into .env and its name into key")
	case u.RawQuery != "" || u.Fragment != "":
		add(field, "must have no query and no fragment", remedy)
	}
}

// names are the aliases as they count: the operator's lines over those of the profile.
func (c Config) names() map[string][]string { return route.Aliases(c.Profiles[c.Profile], c.Aliases) }

// checkProfiles holds every bundle against the providers, not only the one that counts, so that a
// change of profile is a change of one word.
func (c Config) checkProfiles(add func(field, message, remedy string)) {
	if _, ok := c.Profiles[c.Profile]; !ok && c.Profile != "" {
		add("profile", fmt.Sprintf("there is no profile %q", c.Profile), "want one of "+strings.Join(slices.Sorted(maps.Keys(c.Profiles)), ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Profiles)) {
		lines := c.Profiles[name].Lines()
		all := route.Aliases(c.Profiles[name], c.Aliases)
		for _, alias := range slices.Sorted(maps.Keys(lines)) {
			c.checkChain("profiles."+name+"."+alias, alias, lines[alias], all, add)
		}
	}
}

func (c Config) checkAlias(name string, add func(field, message, remedy string)) {
	field := "aliases." + name
	if name == "" || strings.ContainsAny(name, "/ \t\n") {
		add(field, "an alias has no slash and no space", "")
	}
	if len(c.Aliases[name]) == 0 {
		add(field, "names no model", "want a list such as [openrouter/openai/o3, local/qwen3]")
	}
	c.checkChain(field, name, c.Aliases[name], c.names(), add)
}

// checkChain checks one line; all are the aliases that it may name.
func (c Config) checkChain(field, name string, chain []string, all map[string][]string, add func(field, message, remedy string)) {
	for i, step := range chain {
		if message, remedy := c.wrongStep(step, all); message != "" {
			add(fmt.Sprintf("%s[%d]", field, i), message, remedy)
		}
	}
	if circular(all, name, nil) {
		add(field, "leads back to itself", "")
	}
}

func (c Config) wrongStep(step string, all map[string][]string) (message, remedy string) {
	if _, ok := all[step]; ok {
		return "", ""
	}
	provider, model, ok := strings.Cut(step, "/")
	if !ok || model == "" {
		return fmt.Sprintf("%q is neither an alias nor provider/model", step), ""
	}
	if _, known := c.Providers[provider]; !known {
		names := strings.Join(slices.Sorted(maps.Keys(c.Providers)), ", ")
		return fmt.Sprintf("there is no provider %q", provider), "want one of " + names
	}
	return "", ""
}

func circular(all map[string][]string, name string, path []string) bool {
	if slices.Contains(path, name) {
		return true
	}
	path = append(slices.Clone(path), name)
	return slices.ContainsFunc(all[name], func(step string) bool {
		_, alias := all[step]
		return alias && circular(all, step, path)
	})
}
