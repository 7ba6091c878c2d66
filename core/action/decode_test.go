// SPDX-License-Identifier: Apache-2.0

package action_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"holdfast"
	"holdfast/core/action"
)

type wide struct {
	Name   string            `json:"name" required:"true" help:"whose" pos:"1"`
	Size   int               `json:"size" default:"3" min:"1" max:"9"`
	Mode   string            `json:"mode" enum:"fast,slow" default:"fast"`
	Tags   []string          `json:"tags" max:"2"`
	Secret holdfast.Secret   `json:"secret"`
	Tier   holdfast.Tier     `json:"tier"`
	Since  time.Time         `json:"since"`
	Extra  map[string]string `json:"extra"`
	Raw    json.RawMessage   `json:"raw"`
}

func wideAction() holdfast.Action {
	return action.NewAction(
		holdfast.Action{Name: "test.wide", Summary: "test", Effect: holdfast.EffectRead},
		func(_ context.Context, in wide) (wide, error) { return in, nil },
	)
}

func TestDecodeReportsEveryProblemTogether(t *testing.T) {
	_, err := wideAction().Decode(json.RawMessage(`{"size":12,"mode":"fsat","tags":["a","b","c"],"nmae":"x","extra":3}`))
	known, ok := errors.AsType[*holdfast.Error](err)
	if !ok || known.Code != holdfast.CodeBadInput {
		t.Fatalf("got %v", err)
	}
	var fields []string
	for _, p := range known.Problems {
		fields = append(fields, p.Field)
	}
	slices.Sort(fields)
	if want := []string{"extra", "mode", "name", "nmae", "size", "tags"}; !slices.Equal(fields, want) {
		t.Errorf("problems in %v, want %v:\n%v", fields, want, err)
	}
	at := slices.IndexFunc(known.Problems, func(p holdfast.Problem) bool { return p.Field == "nmae" })
	if known.Problems[at].Remedy != "did you mean name?" {
		t.Errorf("remedy %q", known.Problems[at].Remedy)
	}
}

func TestAValueThatMayBeLeftOutIsNotProposed(t *testing.T) {
	type ended struct {
		Status string `json:"status" enum:",ok,failed"`
	}
	a := action.NewAction(holdfast.Action{Name: "test.ended", Summary: "test", Effect: holdfast.EffectRead},
		func(_ context.Context, in ended) (ended, error) { return in, nil })
	if _, err := a.Decode(json.RawMessage(`{"status":"gone"}`)); err == nil || !strings.Contains(err.Error(), "(want ok, failed)") {
		t.Errorf("got %v", err)
	}
}

// TestAValueThatMayBeAbsentHasItsBounds: a pointer tells absence from emptiness, and is held against the
// tags of what it points to.
func TestAValueThatMayBeAbsentHasItsBounds(t *testing.T) {
	type change struct {
		Mode *string `json:"mode" enum:"fast,slow"`
		Size *int    `json:"size" min:"0" max:"9"`
		Note *string `json:"note" max:"3"`
	}
	a := action.NewAction(holdfast.Action{Name: "test.change", Summary: "test", Effect: holdfast.EffectChange},
		func(_ context.Context, in change) (change, error) { return in, nil })
	for input, want := range map[string]string{
		`{"mode":"fsat"}`: "want fast, slow",
		`{"size":-1}`:     "at least 0",
		`{"size":10}`:     "at most 9",
		`{"note":"long"}`: "at most 3 characters",
	} {
		if _, err := a.Decode(json.RawMessage(input)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", input, err, want)
		}
	}
	for _, input := range []string{`{}`, `{"mode":null,"size":null}`, `{"mode":"slow","size":0,"note":""}`, `{"mode":""}`} {
		if _, err := a.Decode(json.RawMessage(input)); err != nil {
			t.Errorf("%s: %v", input, err)
		}
	}
}

func TestARequiredSecretIsNotEmpty(t *testing.T) {
	type held struct {
		Value holdfast.Secret `json:"value" required:"true"`
	}
	a := action.NewAction(holdfast.Action{Name: "test.held", Summary: "test", Effect: holdfast.EffectRead},
		func(_ context.Context, in held) (held, error) { return in, nil })
	if _, err := a.Decode(json.RawMessage(`{"value":""}`)); err == nil || !strings.Contains(err.Error(), "value: is empty") {
		t.Errorf("got %v", err)
	}
	if _, err := a.Decode(json.RawMessage(`{"value":"x"}`)); err != nil {
		t.Error(err)
	}
}

func TestLargeNumbersAreToldInDigits(t *testing.T) {
	if _, err := wideAction().Decode(json.RawMessage(`{"name":"x","size":99999999999}`)); err == nil || !strings.Contains(err.Error(), "99999999999 is too large") {
		t.Errorf("got %v", err)
	}
}

func TestDecodeFillsDefaults(t *testing.T) {
	in, err := wideAction().Decode(json.RawMessage(`{"name":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	if w := in.(wide); w.Size != 3 || w.Mode != "fast" {
		t.Errorf("got %+v", w)
	}
}

func TestSchemaAgreesWithDecode(t *testing.T) {
	var schema jsonschema.Schema
	if err := json.Unmarshal(wideAction().Input.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	resolved, err := schema.Resolve(&jsonschema.ResolveOptions{ValidateDefaults: true})
	if err != nil {
		t.Fatal(err)
	}
	for input, good := range map[string]bool{
		`{"name":"x"}`: true, `{"name":"x","size":9,"mode":"slow","tier":"owner"}`: true, `{}`: false,
		`{"name":"x","size":10}`: false, `{"name":"x","mode":"other"}`: false, `{"name":"x","other":1}`: false,
		`{"name":"x","tier":"king"}`: false, `{"name":"x","secret":"s"}`: true,
	} {
		var value any
		if err := json.Unmarshal([]byte(input), &value); err != nil {
			t.Fatal(err)
		}
		bySchema := resolved.Validate(value) == nil
		_, err := wideAction().Decode(json.RawMessage(input))
		if bySchema != good || (err == nil) != good {
			t.Errorf("%s: schema says %v, decode says %v, want %v", input, bySchema, err, good)
		}
	}
}

func TestFromText(t *testing.T) {
	raw, err := action.FromText(wideAction().Input.Fields(), map[string][]string{"name": {"7"}, "size": {"4"}, "tags": {"1", "2"}})
	if err != nil || string(raw) != `{"name":"7","size":4,"tags":["1","2"]}` {
		t.Errorf("got %s, %v", raw, err)
	}
	if _, err := action.FromText(wideAction().Input.Fields(), map[string][]string{"size": {"four"}}); err == nil {
		t.Error("want an error")
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{`{}`, `{"name":"x"}`, `[]`, `null`, `{"size":1e99}`, `{"tags":[[]]}`, "{\"name\":\"\xff\"}"} {
		f.Add([]byte(seed))
	}
	a := wideAction()
	f.Fuzz(func(t *testing.T, input []byte) {
		in, err := a.Decode(input)
		if err == nil && in.(wide).Name == "" {
			t.Errorf("a required field is empty after %q", input)
		}
	})
}

func FuzzFromText(f *testing.F) {
	for _, seed := range []string{"", "x", "1e9", "-1", "{", "{}", "true", "\xff", "9223372036854775808"} {
		f.Add("size", seed)
		f.Add("raw", seed)
		f.Add("nonsense", seed)
	}
	a := wideAction()
	f.Fuzz(func(t *testing.T, name, text string) {
		raw, err := action.FromText(a.Input.Fields(), map[string][]string{name: {text}, "name": {"x"}})
		if err != nil {
			return
		}
		if !json.Valid(raw) {
			t.Errorf("%q=%q became %q, which is no JSON", name, text, raw)
		}
		_, _ = a.Decode(raw)
	})
}

func TestMalformedDeclarationsAreRefused(t *testing.T) {
	good := wideAction()
	bad := map[string]func(*holdfast.Action){
		"name":     func(a *holdfast.Action) { a.Name = "Wide" },
		"built":    func(a *holdfast.Action) { a.Run = nil },
		"summary":  func(a *holdfast.Action) { a.Summary = "" },
		"effect":   func(a *holdfast.Action) { a.Effect = "explode" },
		"destroys": func(a *holdfast.Action) { a.Effect = holdfast.EffectDestroy },
	}
	for name, spoil := range bad {
		r, err := action.NewRegistry(action.Needs{})
		if err != nil {
			t.Fatal(err)
		}
		a := good
		spoil(&a)
		if err := r.Add(a); err == nil {
			t.Errorf("%s: the declaration was accepted", name)
		}
	}
}
