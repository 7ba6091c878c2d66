// SPDX-License-Identifier: Apache-2.0

package template

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// models is the section models, as far as it tells what a name stands for.
type models struct {
	Providers map[string]json.RawMessage     `json:"providers"`
	Profile   string                         `json:"profile"`
	Profiles  map[string]map[string][]string `json:"profiles"`
	Aliases   map[string][]string            `json:"aliases"`
}

// has tells whether a name is an alias, or a model of a provider that there is.
func (m models) has(name string) bool {
	if provider, _, with := strings.Cut(name, "/"); with {
		_, there := m.Providers[provider]
		return there
	}
	bundle := m.Profiles[m.Profile]
	chain := func(alias string) bool { return len(m.Aliases[alias]) > 0 || len(bundle[alias]) > 0 }
	return chain(name) || (name == "fast" || name == "compaction") && chain("chat")
}

// doubt warns of a model that the gateway does not know now. It is no error: an alias may come later, and
// presets are models too, which are not known here.
func (b board) doubt(model string) []string {
	c := b.needs.Config()
	if c == nil {
		return nil
	}
	section := c.Section("models")
	raw, err := json.Marshal(section)
	var known models
	if section == nil || err != nil || json.Unmarshal(raw, &known) != nil || known.has(model) {
		return nil
	}
	name, _, _ := strings.Cut(model, "/")
	if name == "passthrough_agent" || name == "simple_agent" {
		return nil
	}
	if _, err := os.Stat(b.needs.Home.Path("agents", name, "agent.py")); err == nil {
		return nil
	}
	return []string{fmt.Sprintf("%.200q is no alias and of no provider now: unless it is an agent's name, all calls of it are refused", model)}
}
