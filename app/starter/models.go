// SPDX-License-Identifier: Apache-2.0

package starter

import (
	"fmt"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/keys"
	"holdfast/gateway/route"
)

// Models says where the models of a new home come from. The zero value rehearses.
type Models struct {
	// Profile is the bundle that counts; balanced when empty.
	Profile string
	// Keys are those of providers, by their names in .env: each has its provider asked.
	Keys map[string]holdfast.Secret
}

// Choose takes a profile, and the keys of providers that an environment holds.
func Choose(profile string, environ func(name string) string) (Models, error) {
	if !slices.Contains(route.ProfileNames(), profile) {
		return Models{}, holdfast.BadInput("", holdfast.Problem{
			Field: "profile", Message: fmt.Sprintf("there is no profile %q", profile), Remedy: "want " + strings.Join(route.ProfileNames(), ", "),
		})
	}
	m := Models{Profile: profile, Keys: map[string]holdfast.Secret{}}
	for _, v := range vendors() {
		if value := strings.TrimSpace(environ(v.key)); value != "" {
			m.Keys[v.key] = holdfast.NewSecret(value)
		}
	}
	return m, nil
}

// Names lists the keys, those of preferred providers first.
func (m Models) Names() []string {
	var names []string
	for _, v := range m.vendors() {
		names = append(names, v.key)
	}
	return names
}

// Bundle is what the profile stands for, as holdfast.yaml pins it.
func (m Models) Bundle() route.Bundle { return m.pinned()[m.profile()] }

// a vendor of models, and how its server is reached.
type vendor struct{ name, kind, url, key string }

func vendors() []vendor {
	return []vendor{
		{"anthropic", "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"},
		{"openai", "openai", "https://api.openai.com/v1", "OPENAI_API_KEY"},
		{"google", "openai", "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"},
		{"openrouter", "openai", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"},
		{"mistral", "openai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"},
		{"zai", "openai", "https://api.z.ai/api/paas/v4", "ZAI_API_KEY"},
		{"groq", "openai", "https://api.groq.com/openai/v1", "GROQ_API_KEY"},
	}
}

// line is the vendor as it stands below models.providers.
func (v vendor) line() string {
	return fmt.Sprintf("    %s: {kind: %s, url: %q, key: %s}\n", v.name, v.kind, v.url, v.key)
}

func (m Models) vendors() []vendor {
	return slices.DeleteFunc(vendors(), func(v vendor) bool { _, has := m.Keys[v.key]; return !has })
}

func (m Models) profile() string {
	if m.Profile == "" {
		return route.Balanced
	}
	return m.Profile
}

// pinned is what each profile stands for in this home from now on.
func (m Models) pinned() map[string]route.Bundle {
	sources := []route.Source{{Name: route.Rehearsal, Vendor: route.Rehearsal}}
	for _, v := range m.vendors() {
		sources = append(sources, route.Source{Name: v.name, Vendor: v.name})
	}
	return route.Propose(sources)
}

// into writes the models into those files of the starter that say them.
func (m Models) into(name string, text []byte) ([]byte, error) {
	switch name {
	case ".env":
		var err error
		for _, key := range m.Names() {
			if text, err = keys.With(text, key, m.Keys[key]); err != nil {
				return nil, err
			}
		}
	case "holdfast.yaml":
		return m.configure(string(text))
	}
	return text, nil
}

const (
	rehearsalLine = "    rehearsal: {kind: rehearsal, script: rehearsal.yaml}\n"
	profileLine   = "  profile: balanced "
)

// configure puts the providers, the profile, and what the profiles stand for in their places.
func (m Models) configure(text string) ([]byte, error) {
	rehearsed := Models{}.pinned()
	changes := []string{profileLine, "  profile: " + m.profile() + " "}
	for name, b := range m.pinned() {
		changes = append(changes, profile(name, rehearsed[name]), profile(name, b))
	}
	providers := rehearsalLine
	for _, v := range m.vendors() {
		providers += v.line()
		if hint := "    # " + strings.TrimSpace(v.line()) + "\n"; strings.Contains(text, hint) {
			changes = append(changes, hint, "")
		}
	}
	changes = append(changes, rehearsalLine, providers)
	for i := 0; i < len(changes); i += 2 {
		if strings.Count(text, changes[i]) != 1 {
			return nil, fmt.Errorf("cannot write holdfast.yaml: the starter has no line %q of its own", changes[i])
		}
	}
	return []byte(strings.NewReplacer(changes...).Replace(text)), nil
}

func profile(name string, b route.Bundle) string { return "    " + name + ": " + b.String() + "\n" }
