// SPDX-License-Identifier: Apache-2.0

package action

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"holdfast"
)

// FromText builds an input from text values, as command lines, queries and paths hold them: each
// value is read as its field's type. Values of unknown fields are passed on for Decode to refuse.
func FromText(fields []holdfast.Field, values map[string][]string) (json.RawMessage, error) {
	input := map[string]json.RawMessage{}
	var problems []holdfast.Problem
	for _, name := range slices.Sorted(maps.Keys(values)) {
		kind, items := "string", "string"
		if at := slices.IndexFunc(fields, func(f holdfast.Field) bool { return f.Name == name }); at >= 0 {
			kind, items = fields[at].Type, fields[at].Items
		}
		raw, err := fromText(kind, items, values[name])
		if err != nil {
			problems = append(problems, holdfast.Problem{Field: name, Message: err.Error()})
			continue
		}
		input[name] = raw
	}
	if len(problems) > 0 {
		return nil, holdfast.BadInput("bad input", problems...)
	}
	return json.Marshal(input)
}

func fromText(kind, items string, values []string) (json.RawMessage, error) {
	if kind == "array" {
		list := []json.RawMessage{}
		for _, v := range values {
			raw, err := scalar(items, v)
			if err != nil {
				return nil, err
			}
			list = append(list, raw)
		}
		return json.Marshal(list)
	}
	if len(values) != 1 {
		return nil, fmt.Errorf("is given %d times, want once", len(values))
	}
	return scalar(kind, values[0])
}

func scalar(kind, value string) (json.RawMessage, error) {
	switch kind {
	case "boolean":
		b, err := strconv.ParseBool(value)
		if err != nil {
			return nil, fmt.Errorf("%q is neither true nor false", value)
		}
		return json.Marshal(b)
	case "integer":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a whole number", value)
		}
		return json.Marshal(n)
	case "number":
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number", value)
		}
		return json.Marshal(n)
	case "object":
		if !json.Valid([]byte(value)) || !strings.HasPrefix(strings.TrimSpace(value), "{") {
			return nil, fmt.Errorf("%q is not a JSON object", value)
		}
		return json.RawMessage(value), nil
	}
	return json.Marshal(value)
}
