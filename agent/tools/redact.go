// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"holdfast/agent/plain"
)

const (
	maxShown    = 200     // of one string in a journal entry
	maxRedacted = 4 << 10 // of all arguments in a journal entry
	maxItems    = 50      // of one list or object in a journal entry
	maxShowDeep = 16
)

// secretWords mark a key whose value is not to be shown. They are held against the letters and
// digits of the key in lower case.
func secretWords() []string {
	return []string{
		"password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "accesskey", "privatekey",
		"signingkey", "encryptionkey", "credential", "authorization", "cookie", "bearer", "otp", "pincode",
		"clientkey", "sessionkey", "recoverycode", "seedphrase", "mnemonic", "connectionstring", "dsn",
	}
}

// Redacted is a tool's arguments as they may be journaled: values under keys that look secret, and
// those that the schema marks (writeOnly, format password), are masked; so are strings that look
// like keys themselves. Long values and lists are cut. Schema may be nil. The answer is always
// valid JSON.
func Redacted(arguments json.RawMessage, schema map[string]any) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(arguments))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return json.RawMessage(`{"unreadable":true}`)
	}
	r := redactor{root: schema, show: plain.Show, most: maxItems, deep: maxShowDeep, left: new(mostLooks)}
	shown, err := json.Marshal(r.value(value, schema, 0))
	if err != nil {
		return json.RawMessage(`{"unreadable":true}`)
	}
	if len(shown) > maxRedacted {
		shown, _ = json.Marshal(map[string]int{"bytes_left_out": len(arguments)})
	}
	return shown
}

// Shown is the arguments of a call of this tool as they may be shown or kept.
func (e Entry) Shown(arguments json.RawMessage) json.RawMessage {
	return Redacted(arguments, e.marks())
}

// Judged is the arguments of a call of this tool for who approves it: all of them, but for what is
// secret. Nothing is cut or left out, and what nobody sees is written as its number.
func (e Entry) Judged(arguments json.RawMessage) json.RawMessage {
	decoder := json.NewDecoder(bytes.NewReader(arguments))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return json.RawMessage(`{"unreadable":true}`)
	}
	schema := e.marks()
	r := redactor{root: schema, show: plain.Judged, most: math.MaxInt, deep: maxDeep, left: new(mostLooks)}
	var shown bytes.Buffer
	encoder := json.NewEncoder(&shown)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(r.value(value, schema, 0)); err != nil {
		return json.RawMessage(`{"unreadable":true}`)
	}
	return bytes.TrimRight(shown.Bytes(), "\n")
}

// marks is the schema, which tells what is secret; none marks nothing.
func (e Entry) marks() map[string]any {
	var schema map[string]any
	_ = json.Unmarshal(e.Input, &schema)
	return schema
}

// Excerpt is the beginning of a text from a tool as it may be kept, hidden when it has the form of a
// key.
func Excerpt(text string, bound int) string {
	if shown := plain.Show(text); shown == plain.Hidden {
		return shown
	}
	return plain.Text(text, bound)
}

// mostLooks bounds how often alternatives of a schema are looked through for one call.
const mostLooks = 200_000

type redactor struct {
	root map[string]any
	show func(string) string // a text
	most int                 // of one list or object
	deep int
	left *int // looks at alternatives; beyond them all is hidden
}

func (r redactor) value(v any, schema map[string]any, depth int) any {
	schema = r.target(schema)
	if depth > r.deep || marked(schema) {
		return plain.Hidden
	}
	switch v := v.(type) {
	case map[string]any:
		return r.object(v, schema, depth)
	case []any:
		shown := make([]any, 0, min(len(v), r.most))
		items, _ := schema["items"].(map[string]any)
		for _, item := range v[:min(len(v), r.most)] {
			shown = append(shown, r.value(item, items, depth+1))
		}
		if more := len(v) - len(shown); more > 0 {
			shown = append(shown, leftOut(more))
		}
		return shown
	case string:
		return r.show(v)
	}
	return v
}

func (r redactor) object(v, schema map[string]any, depth int) map[string]any {
	properties, _ := schema["properties"].(map[string]any)
	rest, _ := schema["additionalProperties"].(map[string]any)
	shown := map[string]any{}
	for i, key := range slices.Sorted(maps.Keys(v)) {
		if i == r.most {
			shown["…"] = leftOut(len(v) - i)
			break
		}
		value := v[key]
		of, ok := properties[key].(map[string]any)
		if !ok {
			of = rest
		}
		name := r.show(key)
		for n := 2; has(shown, name); n++ { // two that look alike are two
			name = fmt.Sprintf("%s (%d)", r.show(key), n)
		}
		shown[name] = plain.Hidden
		if (!looksSecret(key) || counts(key, value)) && !r.anyMarked(schema, key, 0) {
			shown[name] = r.value(value, of, depth+1)
		}
	}
	return shown
}

func has(object map[string]any, name string) bool {
	_, ok := object[name]
	return ok
}

// leftOut says that what is shown is not all: who approves a call must know.
func leftOut(more int) string { return fmt.Sprintf("… %d more, not shown", more) }

// anyMarked tells whether one of a schema's alternatives marks a property: what cannot be told
// apart is hidden.
func (r redactor) anyMarked(schema map[string]any, key string, depth int) bool {
	if *r.left--; depth > maxShowDeep || *r.left < 0 {
		return true
	}
	for _, way := range []string{"anyOf", "oneOf", "allOf"} {
		options, _ := schema[way].([]any)
		for _, option := range options {
			of, _ := option.(map[string]any)
			of = r.target(of)
			properties, _ := of["properties"].(map[string]any)
			property, _ := properties[key].(map[string]any)
			if marked(r.target(property)) || r.anyMarked(of, key, depth+1) {
				return true
			}
		}
	}
	return false
}

// target follows local references of a schema, a few deep.
func (r redactor) target(schema map[string]any) map[string]any {
	for range 8 {
		ref, ok := schema["$ref"].(string)
		if !ok || marked(schema) {
			return schema
		}
		found, _ := lookup(r.root, ref)
		next, ok := found.(map[string]any)
		if !ok {
			return schema
		}
		schema = next
	}
	return map[string]any{"writeOnly": true}
}

// marked tells whether a schema, or an alternative directly in it, marks a secret.
func marked(schema map[string]any) bool {
	if schema == nil {
		return false
	}
	if schema["writeOnly"] == true || schema["format"] == "password" {
		return true
	}
	for _, way := range []string{"anyOf", "oneOf", "allOf"} {
		options, _ := schema[way].([]any)
		for _, option := range options {
			if of, ok := option.(map[string]any); ok && (of["writeOnly"] == true || of["format"] == "password") {
				return true
			}
		}
	}
	return false
}

func looksSecret(key string) bool {
	letters := strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		}
		return -1
	}, key)
	for _, word := range secretWords() {
		if strings.Contains(letters, word) {
			return true
		}
	}
	return letters == "key" || letters == "auth" || letters == "pin" || letters == "pwd" || letters == "pass"
}

// counts tells "max_tokens": 100 from a key: a number of tokens opens no door.
func counts(key string, value any) bool {
	_, number := value.(json.Number)
	return number && strings.HasSuffix(strings.ToLower(key), "tokens")
}
