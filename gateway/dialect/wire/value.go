// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"holdfast/gateway/dialect"
)

// A Value is one JSON value of a body that was checked. What is wrong with it is an
// *dialect.InputError, whose field becomes the whole path on its way up through Object and List.
type Value struct{ Raw []byte }

// Check reads a request's body: an object in valid UTF-8. It keeps body.
func Check(body []byte) (Value, error) {
	if !utf8.Valid(body) {
		return Value{}, Wrong("the request is not valid UTF-8")
	}
	if !json.Valid(body) {
		return Value{}, syntaxError(body)
	}
	body = bytes.TrimSpace(body)
	if body[0] != '{' {
		return Value{}, Wrong("the request is not a JSON object")
	}
	return Value{body}, nil
}

func syntaxError(body []byte) error {
	var whole json.RawMessage
	err := json.Unmarshal(body, &whole)
	if syntax, ok := err.(*json.SyntaxError); ok { //nolint:errorlint // Unmarshal returns it bare
		return Wrong("the request is not valid JSON at byte %d: %v", syntax.Offset, syntax)
	}
	return Wrong("the request is not valid JSON")
}

// Wrong is an input error whose field is not yet known.
func Wrong(format string, args ...any) *dialect.InputError {
	return &dialect.InputError{Message: fmt.Sprintf(format, args...)}
}

// WrongField is an input error of one field.
func WrongField(field, format string, args ...any) *dialect.InputError {
	return &dialect.InputError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// Within puts a field before the path of an input error.
func Within(field string, err error) error {
	wrong, ok := err.(*dialect.InputError) //nolint:errorlint // never wrapped here
	if !ok {
		return err
	}
	switch {
	case wrong.Field == "":
		wrong.Field = field
	case wrong.Field[0] == '[':
		wrong.Field = field + wrong.Field
	default:
		wrong.Field = field + "." + wrong.Field
	}
	return wrong
}

// IsNull tells whether the value is null, or not there.
func (v Value) IsNull() bool { return len(v.Raw) == 0 || v.Raw[0] == 'n' }

// IsObject tells whether the value is an object.
func (v Value) IsObject() bool { return len(v.Raw) > 0 && v.Raw[0] == '{' }

// IsList tells whether the value is a list.
func (v Value) IsList() bool { return len(v.Raw) > 0 && v.Raw[0] == '[' }

// IsText tells whether the value is a string.
func (v Value) IsText() bool { return len(v.Raw) > 0 && v.Raw[0] == '"' }

// Object shows every member. A name that comes twice is wrong: it would be read differently
// elsewhere.
func (v Value) Object(take func(key []byte, v Value) error) error {
	if !v.IsObject() {
		return Wrong("must be an object")
	}
	var err error
	var room [16][]byte
	seen := room[:0]
	s := Scanner{B: v.Raw}
	s.Members(func(m Member) bool {
		err = twice(seen, m.Key)
		if err == nil {
			seen = append(seen, m.Key)
			err = take(m.Key, Value{v.Raw[m.Start:m.End]})
		}
		if err != nil {
			err = Within(string(m.Key), err)
		}
		return err == nil
	})
	return err
}

func twice(seen [][]byte, key []byte) error {
	if len(seen) > 512 {
		return Wrong("is one of more than 512 members")
	}
	for _, s := range seen {
		if bytes.Equal(s, key) {
			return Wrong("is given twice")
		}
	}
	return nil
}

// List shows every element.
func (v Value) List(take func(i int, v Value) error) error {
	if !v.IsList() {
		return Wrong("must be a list")
	}
	var err error
	at := 0
	s := Scanner{B: v.Raw}
	s.Elements(func(raw []byte) {
		if err != nil {
			return
		}
		if err = take(at, Value{raw}); err != nil {
			err = Within("["+strconv.Itoa(at)+"]", err)
		}
		at++
	})
	return err
}

// Text reads a string.
func (v Value) Text() (string, error) {
	if !v.IsText() {
		return "", Wrong("must be a string")
	}
	return Unquote(v.Raw[1 : len(v.Raw)-1]), nil
}

// Into reads a string into place; null leaves it empty.
func (v Value) Into(place *string) error {
	if v.IsNull() {
		return nil
	}
	text, err := v.Text()
	if err != nil {
		return err
	}
	*place = text
	return nil
}

// Bool reads true or false; nil for null.
func (v Value) Bool() (*bool, error) {
	var b bool
	switch string(v.Raw) {
	case "null":
		return nil, nil //nolint:nilnil // null is neither
	case "true":
		b = true
	case "false":
	default:
		return nil, Wrong("must be true or false")
	}
	return &b, nil
}

// Int reads a whole number from low to high; 1.0 is whole.
func (v Value) Int(low, high int64) (int64, error) {
	n, err := strconv.ParseInt(string(v.Raw), 10, 64)
	if err != nil {
		f, floatErr := strconv.ParseFloat(string(v.Raw), 64)
		if floatErr != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return 0, Wrong("must be a whole number from %d to %d", low, high)
		}
		n = int64(f)
	}
	if n < low || n > high {
		return 0, Wrong("must be a whole number from %d to %d", low, high)
	}
	return n, nil
}

// Float reads a number; nil for null.
func (v Value) Float() (*float64, error) {
	if v.IsNull() {
		return nil, nil //nolint:nilnil // null is neither
	}
	f, err := strconv.ParseFloat(string(v.Raw), 64)
	if err != nil {
		return nil, Wrong("must be a number")
	}
	return &f, nil
}

// Moment reads a time in Unix seconds; 0 for what is none.
func (v Value) Moment() int64 {
	f, err := v.Float()
	if err != nil || f == nil || *f < 0 || *f > 1<<40 {
		return 0
	}
	return int64(*f)
}

// Texts reads an object whose members are strings.
func (v Value) Texts() (map[string]string, error) {
	texts := map[string]string{}
	err := v.Object(func(key []byte, v Value) error {
		text, err := v.Text()
		texts[string(key)] = text
		return err
	})
	return texts, err
}

// ObjectInto copies an object into place; null leaves it as it is.
func (v Value) ObjectInto(place *json.RawMessage) error {
	switch {
	case v.IsNull():
		return nil
	case !v.IsObject():
		return Wrong("must be an object")
	}
	*place = v.Copy()
	return nil
}

// Copy returns the bytes of the value, apart from the body they stood in.
func (v Value) Copy() json.RawMessage { return append(json.RawMessage(nil), v.Raw...) }
