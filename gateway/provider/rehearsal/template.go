// SPDX-License-Identifier: Apache-2.0

package rehearsal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// A template is text with places: each part is a literal or the name of a value.
type template []part

type part struct {
	text   string
	name   bool
	number bool
}

// parseTemplate reads a template in which only the known names may stand.
func parseTemplate(text string, known map[string]bool) (template, error) {
	var t template
	literal := strings.Builder{}
	flush := func() {
		if literal.Len() > 0 {
			t = append(t, part{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		switch {
		case strings.HasPrefix(text[i:], "{{"), strings.HasPrefix(text[i:], "}}"):
			literal.WriteByte(text[i])
			i++
		case text[i] == '{':
			end := strings.IndexByte(text[i:], '}')
			if end < 0 {
				return nil, fmt.Errorf("template %q: a { is not closed (write {{ for a brace)", text)
			}
			name, number := strings.CutSuffix(text[i+1:i+end], ":number")
			if !known[name] {
				return nil, fmt.Errorf("template %q: nothing is called {%s} (write {{ for a brace)", text, name)
			}
			flush()
			t = append(t, part{text: name, name: true, number: number})
			i += end
		case text[i] == '}':
			return nil, fmt.Errorf("template %q: a } without { (write }} for a brace)", text)
		default:
			literal.WriteByte(text[i])
		}
	}
	flush()
	return t, nil
}

func (t template) fill(values map[string]string) string {
	var out strings.Builder
	for _, p := range t {
		if p.name {
			out.WriteString(values[p.text])
			continue
		}
		out.WriteString(p.text)
	}
	return out.String()
}

// object keeps the script's order of keys.
type object []pair

type pair struct {
	key   string
	value any
}

// compileValue turns every string of a YAML value into a template.
func compileValue(v any, known map[string]bool) (any, error) {
	switch v := v.(type) {
	case string:
		return parseTemplate(v, known)
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			inner, err := compileValue(item, known)
			if err != nil {
				return nil, err
			}
			list[i] = inner
		}
		return list, nil
	case yaml.MapSlice:
		out := make(object, len(v))
		for i, item := range v {
			inner, err := compileValue(item.Value, known)
			if err != nil {
				return nil, err
			}
			out[i] = pair{fmt.Sprint(item.Key), inner}
		}
		return out, nil
	}
	if _, err := json.Marshal(v); err != nil {
		return nil, fmt.Errorf("%v is no JSON value", v)
	}
	return v, nil
}

// writeValue writes a compiled value as JSON.
func writeValue(out *bytes.Buffer, v any, values map[string]string) {
	switch v := v.(type) {
	case template:
		writeTemplate(out, v, values)
	case []any:
		out.WriteByte('[')
		for i, item := range v {
			comma(out, i)
			writeValue(out, item, values)
		}
		out.WriteByte(']')
	case object:
		out.WriteByte('{')
		for i, p := range v {
			comma(out, i)
			writeJSON(out, p.key)
			out.WriteByte(':')
			writeValue(out, p.value, values)
		}
		out.WriteByte('}')
	default:
		writeJSON(out, v)
	}
}

func writeTemplate(out *bytes.Buffer, t template, values map[string]string) {
	if len(t) == 1 && t[0].number {
		if n, err := strconv.ParseFloat(strings.TrimSpace(values[t[0].text]), 64); err == nil {
			if number, err := json.Marshal(n); err == nil {
				out.Write(number)
				return
			}
		}
	}
	writeJSON(out, t.fill(values))
}

func comma(out *bytes.Buffer, i int) {
	if i > 0 {
		out.WriteByte(',')
	}
}

// writeJSON writes a value without the escaping that is only for HTML.
func writeJSON(out *bytes.Buffer, v any) {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	if e.Encode(v) == nil {
		out.Truncate(out.Len() - 1)
	}
}
