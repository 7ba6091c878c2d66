// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"net/url"
	"slices"
	"strings"

	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/provider"
)

// A Flavor is how one kind of server differs from the dialects as they are written down.
type Flavor struct {
	Name string
	// Hosts are the ends of host names by which the flavor is known, or beginning and end with a * between
	// them, Ports those of local servers.
	Hosts []string
	Ports []string
	// Paths are the dialects that the server speaks, the preferred one first, each with its path
	// below the base address.
	Paths []Path
	// Version is put behind a base address that does not end in a version itself.
	Version string
	// Auth is the header that carries the key, bare; empty for Authorization with Bearer.
	Auth string
	// Headers go out with every call; Passed are those of the client that go on.
	Headers map[string]string
	Passed  []string
	// Limit is the only name under which chat completions may bound the answer: max_tokens or
	// max_completion_tokens; empty where both are known.
	Limit string
	// Rename gives fields of chat completions the server's own name.
	Rename map[string]string
	// Drop lists fields of chat completions that the server refuses and that change nothing about
	// the answer, or that it does anyway.
	Drop []string
	// Refuse lists fields of chat completions that the server refuses and that do change the answer, or
	// by which another model may answer than the one that was asked, booked and allowed.
	Refuse []string
	// Alone: the server refuses more than one choice.
	Alone bool
	// Thoughts are how thinking of earlier turns goes back where the client spoke another dialect.
	Thoughts openai.Thoughts
}

// A Path says where a dialect is spoken.
type Path struct{ Dialect, Path string }

// hints are fields that only OpenAI itself keeps account of: whose call it was, where it is listed,
// which cache it may share.
func hints() []string {
	return []string{"store", "metadata", "user", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier"}
}

func chat() Path       { return Path{provider.Chat, "chat/completions"} }
func responses() Path  { return Path{provider.Responses, "responses"} }
func embeddings() Path { return Path{provider.Embeddings, "embeddings"} }

// Flavors lists what is known of servers. The first is for those that nothing is known of.
func Flavors() []Flavor {
	return []Flavor{
		{Name: "generic", Paths: []Path{chat(), embeddings()}, Thoughts: openai.ThoughtsContent},
		{
			Name: "openai", Hosts: []string{"api.openai.com"}, Paths: []Path{chat(), responses(), embeddings()},
			// Organization and project say whose account pays: the house's, by its key or its own headers.
			Limit: maxCompletion, Passed: []string{"Openai-Beta"},
		},
		// Models that are asked by Responses alone, such as those that OpenAI makes for coding agents.
		{Name: "responses", Paths: []Path{responses(), embeddings()}, Passed: []string{"Openai-Beta"}},
		{
			Name: "anthropic", Hosts: []string{"api.anthropic.com"}, Version: "v1", Auth: "X-Api-Key",
			Paths:   []Path{{provider.Messages, "messages"}, {provider.CountTokens, "messages/count_tokens"}},
			Headers: map[string]string{"Anthropic-Version": "2023-06-01"}, Passed: []string{"Anthropic-Version", "Anthropic-Beta"},
		},
		{
			Name: "openrouter", Hosts: []string{"openrouter.ai"}, Paths: []Path{chat(), embeddings()},
			Passed: []string{"Http-Referer", "X-Title"}, Thoughts: openai.ThoughtsDetails,
			Refuse: []string{"models"},
		},
		{
			Name: "gemini", Hosts: []string{"generativelanguage.googleapis.com"}, Paths: []Path{chat(), embeddings()},
			Drop: hints(), Refuse: []string{"frequency_penalty", "presence_penalty", "logit_bias", "seed", "logprobs", "top_logprobs", "verbosity"},
		},
		{
			Name: "azure", Hosts: []string{".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"},
			Paths: []Path{chat(), responses(), embeddings()}, Auth: "Api-Key", Limit: maxCompletion,
		},
		{
			// Its endpoints in OpenAI's form, with a bearer key of Bedrock's. Below bedrock-mantle most models
			// stand under /v1, so that base is to be written out.
			Name: "bedrock", Hosts: []string{"bedrock-runtime*.amazonaws.com", "bedrock-mantle.*.api.aws"}, Version: "openai/v1",
			Paths: []Path{chat(), responses()},
		},
		{
			Name: "groq", Hosts: []string{"api.groq.com"}, Paths: []Path{chat()}, Limit: maxCompletion, Alone: true,
			Drop: []string{"store", "metadata"}, Refuse: []string{"logprobs", "logit_bias", "top_logprobs"},
		},
		{
			Name: "mistral", Hosts: []string{"api.mistral.ai"}, Paths: []Path{chat(), embeddings()}, Limit: maxTokens,
			Rename: map[string]string{"seed": "random_seed"},
			// Usage comes at the end of every stream. prompt_cache_key it takes, and charges a tenth for what it finds.
			Drop:   []string{"store", "metadata", "user", "safety_identifier", "prompt_cache_retention", "service_tier", "stream_options"},
			Refuse: []string{"logit_bias", "logprobs", "top_logprobs", "verbosity"},
		},
		{
			Name: "zai", Hosts: []string{"api.z.ai", "open.bigmodel.cn"}, Paths: []Path{chat(), embeddings()},
			Limit: maxTokens, Alone: true, Thoughts: openai.ThoughtsContent,
			Drop: []string{"store", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "service_tier"},
		},
		// What these do not know they pass over in silence, so a limit under the other name would be none
		// (llama.cpp knows both since February 2026, older ones only this).
		{
			Name: "ollama", Hosts: []string{"ollama.com"}, Ports: []string{"11434"}, Paths: []Path{chat(), embeddings()},
			Limit: maxTokens, Alone: true, Refuse: []string{"logit_bias"}, Thoughts: openai.ThoughtsContent,
		},
		{Name: "llamacpp", Paths: []Path{chat(), embeddings()}, Limit: maxTokens, Alone: true, Thoughts: openai.ThoughtsContent},
		{Name: "vllm", Paths: []Path{chat(), embeddings()}, Thoughts: openai.ThoughtsContent},
	}
}

const (
	maxTokens     = "max_tokens"
	maxCompletion = "max_completion_tokens"
)

// Names lists the flavors.
func Names() []string {
	names := []string{}
	for _, f := range Flavors() {
		names = append(names, f.Name)
	}
	return names
}

// find gives the flavor of that name; without one, that of the address.
func find(name string, base *url.URL) (Flavor, bool) {
	all := Flavors()
	if name != "" {
		at := slices.IndexFunc(all, func(f Flavor) bool { return f.Name == name })
		return all[max(at, 0)], at >= 0
	}
	host := strings.ToLower(base.Hostname())
	for _, f := range all {
		if slices.Contains(f.Ports, base.Port()) || slices.ContainsFunc(f.Hosts, func(end string) bool { return within(host, end) }) {
			return f, true
		}
	}
	return all[0], true
}

// within tells whether a host is the one named, or below it.
func within(host, end string) bool {
	if begin, end, split := strings.Cut(end, "*"); split {
		return len(host) > len(begin)+len(end) && strings.HasPrefix(host, begin) && strings.HasSuffix(host, end)
	}
	return host == end || strings.HasSuffix(host, "."+strings.TrimPrefix(end, "."))
}
