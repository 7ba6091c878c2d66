// SPDX-License-Identifier: Apache-2.0

package action

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"holdfast"
)

// decode reads an input, field by field, and reports every problem of it together.
func decode[In any](raw json.RawMessage) (any, error) {
	var in In
	problems := decodeInto(reflect.ValueOf(&in).Elem(), raw)
	if len(problems) > 0 {
		return nil, holdfast.BadInput("bad input", problems...)
	}
	return in, nil
}

func decodeInto(target reflect.Value, raw json.RawMessage) []holdfast.Problem {
	given := map[string]json.RawMessage{}
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &given); err != nil {
			return []holdfast.Problem{{Message: "the input is not a JSON object: " + err.Error()}}
		}
	}
	var problems []holdfast.Problem
	var names []string
	for _, f := range members(target.Type()) {
		name := jsonName(f)
		names = append(names, name)
		value, ok := given[name]
		delete(given, name)
		if problem := decodeField(target.FieldByIndex(f.Index), f, value, ok); problem != nil {
			problems = append(problems, *problem)
		}
	}
	return append(problems, unknown(given, names)...)
}

func decodeField(target reflect.Value, f reflect.StructField, value json.RawMessage, given bool) *holdfast.Problem {
	name := jsonName(f)
	if !given || string(value) == "null" {
		fallback, ok := f.Tag.Lookup("default")
		if ok {
			value = literal(f.Type, fallback)
		} else if f.Tag.Get("required") == "true" {
			return &holdfast.Problem{Field: name, Message: "is required", Remedy: f.Tag.Get("help")}
		} else {
			return nil
		}
	}
	if err := strict(value, target.Addr().Interface()); err != nil {
		return &holdfast.Problem{Field: name, Message: plain(err)}
	}
	return check(target, f)
}

// strict decodes one value and refuses unknown fields and anything after it.
func strict(value json.RawMessage, target any) error {
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	if err := d.Decode(target); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the value")
	}
	return nil
}

// plain words a decoding error for the asker, without the name of a Go type.
func plain(err error) string {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		kind, _ := jsonType(wrong.Type)
		if wrong.Field != "" {
			return fmt.Sprintf("%s is a %s, want a value of type %s", wrong.Field, wrong.Value, kind)
		}
		return fmt.Sprintf("is a %s, want a value of type %s", wrong.Value, kind)
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

// check holds a decoded field against its tags.
func check(v reflect.Value, f reflect.StructField) *holdfast.Problem {
	name := jsonName(f)
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	values := enum(f)
	if v.Kind() == reflect.String && len(values) > 0 && !slices.Contains(values, v.String()) {
		if v.String() == "" && f.Tag.Get("required") != "true" {
			return nil
		}
		return &holdfast.Problem{
			Field: name, Message: fmt.Sprintf("%q is none of its values", v.String()),
			Remedy: "want " + strings.Join(slices.DeleteFunc(values, func(v string) bool { return v == "" }), ", "),
		}
	}
	if f.Tag.Get("required") == "true" && empty(v) {
		return &holdfast.Problem{Field: name, Message: "is empty", Remedy: f.Tag.Get("help")}
	}
	return checkBounds(v, f)
}

func empty(v reflect.Value) bool {
	if secret, ok := v.Interface().(holdfast.Secret); ok {
		return secret.Empty()
	}
	return v.Kind() == reflect.String && v.String() == ""
}

func checkBounds(v reflect.Value, f reflect.StructField) *holdfast.Problem {
	size, unit := measure(v)
	if low := bound(f, "min"); low != nil && size < *low {
		return &holdfast.Problem{Field: jsonName(f), Message: number(size) + " is too small", Remedy: "at least " + number(*low) + unit}
	}
	if high := bound(f, "max"); high != nil && size > *high {
		return &holdfast.Problem{Field: jsonName(f), Message: number(size) + " is too large", Remedy: "at most " + number(*high) + unit}
	}
	return nil
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func measure(v reflect.Value) (size float64, unit string) {
	switch {
	case v.CanInt():
		return float64(v.Int()), ""
	case v.CanUint():
		return float64(v.Uint()), ""
	case v.CanFloat():
		return v.Float(), ""
	case v.Kind() == reflect.String:
		return float64(len([]rune(v.String()))), " characters"
	case v.Kind() == reflect.Slice:
		return float64(v.Len()), " items"
	}
	return 0, ""
}

func unknown(given map[string]json.RawMessage, names []string) []holdfast.Problem {
	var problems []holdfast.Problem
	for name := range given {
		remedy := "it has no fields"
		if near := Nearest(name, names); near != "" {
			remedy = "did you mean " + near + "?"
		} else if len(names) > 0 {
			remedy = "want " + strings.Join(names, ", ")
		}
		problems = append(problems, holdfast.Problem{Field: name, Message: "is not a field of this action", Remedy: remedy})
	}
	slices.SortFunc(problems, func(a, b holdfast.Problem) int { return strings.Compare(a.Field, b.Field) })
	return problems
}

// Nearest returns the known name that a mistyped one most likely means, empty for none: at most a
// third of its letters may differ, large and small ones being the same.
func Nearest(name string, known []string) string {
	name = strings.ToLower(name)
	best, least := "", len(name)/3+1
	for _, k := range known {
		if d := distance(name, strings.ToLower(k)); d <= least && (best == "" || d < distance(name, strings.ToLower(best))) {
			best = k
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost = min(last, row[j], row[j+1]) + 1
			}
			last, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
