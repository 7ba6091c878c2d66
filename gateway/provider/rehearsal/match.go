// SPDX-License-Identifier: Apache-2.0

package rehearsal

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/provider"
)

// request is what rules look at.
type request struct {
	Messages      []message `json:"messages"`
	Tools         []offer   `json:"tools"`
	Format        format    `json:"response_format"`
	MaxTokens     int64     `json:"max_tokens"`
	MaxCompletion int64     `json:"max_completion_tokens"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`

	model  string
	stream bool
	input  int64
	// What the rules match: the last user text, all system texts, the last tool text after the
	// user's, and whether there is one.
	user, system, tool string
	answered           bool
	embed              *embedding // what is asked for instead of an answer
}

type message struct {
	Role    string  `json:"role"`
	Content content `json:"content"`
}

type offer struct {
	Function struct {
		Name string `json:"name"`
	} `json:"function"`
}

type format struct {
	Type   string `json:"type"`
	Schema struct {
		Name string `json:"name"`
	} `json:"json_schema"`
}

// content is a message's text, from a string or from its text parts.
type content string

// UnmarshalJSON reads a string, null, or a list of parts.
func (c *content) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*c = content(text)
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return fmt.Errorf("content must be a text or a list of parts: %w", err)
	}
	for _, p := range parts {
		*c += content(p.Text)
	}
	return nil
}

func read(call provider.Call) (request, error) {
	if call.Dialect == provider.Embeddings {
		return readEmbedding(call)
	}
	r := request{model: call.Model, stream: call.Stream}
	counted, err := openai.Chat().Scan(call.Body)
	if err != nil {
		return r, err
	}
	r.input = counted.Input
	if err := json.Unmarshal(call.Body, &r); err != nil {
		return r, fmt.Errorf("the rehearsal cannot read the request: %w", err)
	}
	for _, m := range r.Messages {
		switch m.Role {
		case "user":
			r.user, r.tool, r.answered = string(m.Content), "", false
		case "system", "developer":
			r.system += string(m.Content) + "\n"
		case "tool", "function":
			r.tool, r.answered = string(m.Content), true
		}
	}
	return r, nil
}

// limit is how many tokens may come back; 0 for no limit.
func (r request) limit() int64 {
	if r.MaxCompletion > 0 {
		return r.MaxCompletion
	}
	return r.MaxTokens
}

// values is what templates may name.
func (r request) values() map[string]string {
	return map[string]string{"user": r.user, "tool": r.tool, "model": r.model}
}

// choose returns the first rule that holds; there always is one.
func (s *script) choose(asked request) *rule {
	for _, r := range s.rules {
		if r.holds(asked) && r.spend() {
			return r
		}
	}
	return polite(asked)
}

// spend counts an answer; false when the rule has none left.
func (r *rule) spend() bool {
	return r.answered.Add(1) <= r.Times || r.Times == 0
}

func polite(asked request) *rule {
	text := template{{text: "This is the rehearsal model. You said: "}, {text: "user", name: true}}
	if asked.answered {
		text = template{{text: "The tool answered: "}, {text: "tool", name: true}}
	}
	return &rule{Name: "default", text: text}
}

func (r *rule) holds(asked request) bool {
	w := r.When
	return matches(r.user, asked.user) &&
		matches(r.system, asked.system) &&
		(r.tool == nil || asked.answered && r.tool.MatchString(asked.tool)) &&
		(w.ToolResult == nil || *w.ToolResult == asked.answered) &&
		(w.Stream == nil || *w.Stream == asked.stream) &&
		(w.Model == "" || w.Model == asked.model) &&
		(w.Format == "" || w.Format == asked.Format.Type || w.Format == asked.Format.Schema.Name) &&
		!slices.ContainsFunc(w.Offered, func(name string) bool { return !offers(asked.Tools, name) })
}

func matches(re *regexp.Regexp, text string) bool { return re == nil || re.MatchString(text) }

func offers(tools []offer, name string) bool {
	prefix, any := strings.CutSuffix(name, "*")
	return slices.ContainsFunc(tools, func(o offer) bool {
		return o.Function.Name == name || any && strings.HasPrefix(o.Function.Name, prefix)
	})
}

// captures adds what the rule's expressions captured; the first that has a name keeps it.
func (r *rule) captures(asked request, values map[string]string) {
	add := func(re *regexp.Regexp, text string) {
		if re == nil {
			return
		}
		groups := re.FindStringSubmatch(text)
		for i, name := range re.SubexpNames() {
			if i >= len(groups) {
				return
			}
			for _, key := range []string{strconv.Itoa(i), name} {
				if _, taken := values[key]; !taken && key != "" {
					values[key] = strings.TrimSpace(groups[i])
				}
			}
		}
	}
	add(r.user, asked.user)
	add(r.system, asked.system)
	add(r.tool, asked.tool)
}
