// SPDX-License-Identifier: Apache-2.0

package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// render fills a template. Each {{…}} in it is a word of the view, or several and texts in quotation
// marks one after the other; json before them words the whole as JSON, which YAML and TOML read too, and
// quoted as one word of a shell. What is filled in is not read again.
//
// It is no text/template: a program that links one keeps every method of every type that it links.
func render(name, text string, v view) ([]byte, error) {
	words := v.words()
	var out bytes.Buffer
	for {
		before, rest, found := strings.Cut(text, "{{")
		out.WriteString(before)
		if !found {
			return out.Bytes(), nil
		}
		var inner string
		if inner, text, found = strings.Cut(rest, "}}"); !found {
			return nil, fmt.Errorf("cannot read the template %s: {{ without }}", name)
		}
		filled, err := fill(strings.Fields(inner), words)
		if err != nil {
			return nil, fmt.Errorf("cannot fill {{%s}} of the template %s: %w", inner, name, err)
		}
		out.WriteString(filled)
	}
}

func fill(parts []string, words map[string]any) (string, error) {
	form := ""
	if len(parts) > 1 && (parts[0] == "json" || parts[0] == "quoted") {
		form, parts = parts[0], parts[1:]
	}
	value, err := valueOf(parts, words)
	if err != nil {
		return "", err
	}
	switch text, isText := value.(string); {
	case form == "json":
		return wordJSON(value)
	case !isText:
		return "", errors.New("a list stands only after json")
	case form == "quoted":
		return quoted(text), nil
	default:
		return text, nil
	}
}

// valueOf is what parts mean: one word of any kind, or texts one after the other.
func valueOf(parts []string, words map[string]any) (any, error) {
	if len(parts) == 0 {
		return nil, errors.New("there is no word in it")
	}
	var all strings.Builder
	for _, part := range parts {
		value, ok := words[part]
		if literal, err := strconv.Unquote(part); err == nil {
			value, ok = literal, true
		}
		if !ok {
			return nil, fmt.Errorf("there is no word %q", part)
		}
		if len(parts) == 1 {
			return value, nil
		}
		text, isText := value.(string)
		if !isText {
			return nil, fmt.Errorf("%s is a list", part)
		}
		all.WriteString(text)
	}
	return all.String(), nil
}

// words are what templates say of an agent.
func (v view) words() map[string]any {
	var env strings.Builder
	for _, e := range v.Env {
		value, _ := wordJSON(e.Value) // a string always encodes
		env.WriteString("\n      " + e.Name + ": " + value)
	}
	words := map[string]any{
		"Name": v.Name, "Template": v.Template, "Model": v.Model, "API": v.API, "Folder": v.Folder, "Path": v.Path, "Key": v.Key,
		"Memory": v.Memory, "Prepare": v.Prepare, "Ask": v.Ask, "Port": strconv.Itoa(v.Port), "Tokens": strconv.FormatInt(v.Tokens, 10),
		"Run": v.Run, "Secrets": v.Secrets, "Read": v.Read, "Write": v.Write, "Env": env.String(),
		"Probes": "    ready: {heartbeat: \"agents/" + v.Name + "/heartbeat\", within: 1m}" +
			"\n    healthy: {heartbeat: \"agents/" + v.Name + "/heartbeat\", every: 30s}",
		"Sandbox": "workspace-write",
	}
	if v.Port != 0 {
		words["Probes"] = "    port: " + strconv.Itoa(v.Port) +
			"\n    ready: {http: \"/readyz\", within: 5m}\n    healthy: {http: \"/healthz\", every: 30s, timeout: 10s, within: 1m}"
	}
	if v.Confined { // the house's sandbox confines more than the program's own, which cannot be put into it
		words["Sandbox"] = "danger-full-access"
	}
	if len(v.Secrets) > 1 {
		words["Token"] = v.Secrets[1]
	}
	return words
}

func renderFile(source string, v view) ([]byte, error) {
	text, err := fs.ReadFile(files, "files/"+source)
	if err != nil {
		return nil, fmt.Errorf("cannot read the template %s: %w", source, err)
	}
	return render(source, string(text), v)
}

func wordJSON(value any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return string(bytes.TrimSpace(out.Bytes())), err
}
