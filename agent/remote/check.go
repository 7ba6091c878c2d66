// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"maps"
	"slices"
	"strings"

	"holdfast"
	"holdfast/agent/plain"
	"holdfast/core/keys"
)

// isKeyName tells whether a text can be the name of a key of .env, and is not a key itself: that would be
// written where names are, and shown.
func isKeyName(text string) bool { return keys.ValidName(text) && plain.Show(text) == text }

// checkNames refuses names of keys and headers that can be none, without repeating what may be a secret.
func checkNames(of map[string]string, given headers) error {
	var problems []holdfast.Problem
	for _, field := range slices.Sorted(maps.Keys(of)) {
		if name := of[field]; name != "" && !isKeyName(name) {
			problems = append(problems, holdfast.Problem{
				Field: field, Message: "is no name of a key of .env", Remedy: "put the key there by `holdfast keys set EXAMPLE_KEY`, and give its name, EXAMPLE_KEY",
			})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		value := given[name]
		_, named := keyOf(value)
		switch {
		case !isHeader(name):
			problems = append(problems, holdfast.Problem{
				Field: "headers", Message: "one of them has a name that no header can have", Remedy: "letters, digits and -, such as X-Team",
			})
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			problems = append(problems, holdfast.Problem{Field: "headers", Message: "the value of " + name + " has characters that no header can have"})
		case strings.HasPrefix(value, "${") && !named:
			problems = append(problems, holdfast.Problem{Field: "headers", Message: name + " names no key of .env", Remedy: "want ${EXAMPLE_KEY}"})
		}
	}
	if len(problems) > 0 {
		return holdfast.BadInput("", problems...)
	}
	return nil
}

// keyOf is the key of .env that a header's value names.
func keyOf(value string) (name string, ok bool) {
	name, ok = strings.CutPrefix(value, "${")
	if !ok || !strings.HasSuffix(name, "}") {
		return "", false
	}
	name = strings.TrimSuffix(name, "}")
	return name, isKeyName(name)
}

// isHeader tells whether a name is a token of RFC 9110, section 5.6.2.
func isHeader(name string) bool {
	return name != "" && strings.Trim(name, "!#$%&'*+-.^_`|~abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}
