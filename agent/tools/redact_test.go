// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"holdfast"
	"holdfast/agent/plain"
)

func TestRedacted(t *testing.T) {
	schema := map[string]any{}
	if err := json.Unmarshal([]byte(`{"type":"object","properties":{
		"marked":{"type":"string","writeOnly":true},
		"typed":{"type":"string","format":"password"},
		"maybe":{"anyOf":[{"type":"null"},{"type":"string","format":"password"}]},
		"list":{"type":"array","items":{"$ref":"#/$defs/login"}},
		"either":{"oneOf":[{"type":"object","properties":{"word":{"type":"string","writeOnly":true}}},{"type":"object"}]},
		"loop":{"$ref":"#/properties/loop"}},
		"$defs":{"login":{"type":"object","properties":{"user":{"type":"string"},"word":{"type":"string","writeOnly":true}}}}}`), &schema); err != nil {
		t.Fatal(err)
	}
	for arguments, want := range map[string]string{
		`{"title":"milk","n":3}`:                                 `{"n":3,"title":"milk"}`,
		`{"password":"x","API-Key":"y","accessToken":"z"}`:       `{"API-Key":"••••","accessToken":"••••","password":"••••"}`,
		`{"max_tokens":100,"tokens":["a"]}`:                      `{"max_tokens":100,"tokens":"••••"}`,
		`{"marked":"x","typed":"y","maybe":"z"}`:                 `{"marked":"••••","maybe":"••••","typed":"••••"}`,
		`{"list":[{"user":"me","word":"x"}]}`:                    `{"list":[{"user":"me","word":"••••"}]}`,
		`{"either":{"word":"x"}}`:                                `{"either":{"word":"••••"}}`,
		`{"loop":"x"}`:                                           `{"loop":"••••"}`,
		`{"text":"use sk-abcdefghijklmnop please"}`:              `{"text":"••••"}`,
		`{"url":"postgres://u:p@host/db"}`:                       `{"url":"••••"}`,
		`{"deep":{"deeper":{"authorization":"Bearer x","a":1}}}`: `{"deep":{"deeper":{"a":1,"authorization":"••••"}}}`,
		`{"half`: `{"unreadable":true}`,
	} {
		if got := string(Redacted(json.RawMessage(arguments), schema)); got != want {
			t.Errorf("%s is shown as %s, want %s", arguments, got, want)
		}
	}
	long := string(Redacted(json.RawMessage(`{"text":"`+strings.Repeat("ä", 5000)+`"}`), nil))
	if len(long) > 300 {
		t.Errorf("a long text is shown with %d bytes", len(long))
	}
}

// TestWhatIsNotShownIsTold: a person approves by what is shown, so nothing is left out in silence.
func TestWhatIsNotShownIsTold(t *testing.T) {
	many := map[string]int{}
	for i := range 60 {
		many[fmt.Sprintf("k%02d", i)] = i
	}
	object, _ := json.Marshal(many)
	for range 5 {
		got := string(Redacted(object, nil))
		if !strings.Contains(got, `"k49":49`) || strings.Contains(got, `"k50"`) || !strings.Contains(got, `"…":"… 10 more, not shown"`) {
			t.Fatalf("an object of 60 is shown as %s", got)
		}
	}
	list := json.RawMessage(`{"paths":[` + strings.Repeat(`"a",`, 54) + `"/"]}`)
	if got := string(Redacted(list, nil)); !strings.HasSuffix(got, `"a","… 5 more, not shown"]}`) {
		t.Errorf("a list of 55 is shown as %s", got)
	}
	if got := string(Redacted(json.RawMessage(`{"paths":[`+strings.Repeat(`"a",`, 49)+`"/"]}`), nil)); !strings.HasSuffix(got, `"a","/"]}`) {
		t.Errorf("a list of 50 is shown as %s", got)
	}
}

// TestWhoApprovesSeesAll: nothing is cut or left out, however long or deep, and no two names become one.
func TestWhoApprovesSeesAll(t *testing.T) {
	e := Entry{Tool: holdfast.Tool{Input: json.RawMessage(`{"type":"object","properties":{"word":{"type":"string","writeOnly":true}}}`)}}
	long, list := strings.Repeat("ä ", 50_000), strings.TrimSuffix(strings.Repeat(`"a",`, 500), ",")
	deep := strings.Repeat(`{"x":`, 400) + `"end"` + strings.Repeat("}", 400)
	for arguments, want := range map[string]string{
		`{"text":"` + long + `<&>"}`:                       `{"text":"` + long + `<&>"}`,
		`{"n":12345678901234567890,"list":[` + list + `]}`: `{"list":[` + list + `],"n":12345678901234567890}`,
		deep: deep,
		`{"word":"x","password":"y","url":"https://a@b/://"}`: `{"password":"••••","url":"https://a@b/://","word":"••••"}`,
		`{"a\u200b":null,"a[U+200B]":2}`:                      `{"a[U+200B]":2,"a[U+200B] (2)":null}`,
		`{"half`:                                              `{"unreadable":true}`,
	} {
		if got := string(e.Judged(json.RawMessage(arguments))); got != want {
			t.Errorf("%.200s is shown as %.200s, want %.200s", arguments, got, want)
		}
	}
	// A schema that is made to be searched without end masks; it does not keep the approver waiting.
	loop := json.RawMessage(`{"anyOf":[{"$ref":"#"},{"$ref":"#"},{"$ref":"#"}]}`)
	many := "{" + strings.TrimSuffix(strings.Repeat(`"k":1,`, 1000), ",") + "}"
	for i := range 1000 {
		many = strings.Replace(many, `"k":`, fmt.Sprintf(`"k%d":`, i), 1)
	}
	if got := string((Entry{Tool: holdfast.Tool{Input: loop}}).Judged(json.RawMessage(many))); strings.Count(got, plain.Hidden) != 1000 {
		t.Errorf("shown are %.200s", got)
	}
}

func FuzzRedacted(f *testing.F) {
	f.Add(`{"a":{"password":"SENTINEL-7f3"},"b":[1,{"token":["SENTINEL-7f3"]}]}`, `{"type":"object"}`)
	f.Add(`{"x":"SENTINEL-7f3"}`, `{"properties":{"x":{"writeOnly":true}}}`)
	f.Add(`[{"x":{"$ref":"#"}}]`, `{"$ref":"#","properties":{"x":{"$ref":"#/properties/x"}}}`)
	f.Add(`{"x":{"y":"SENTINEL-7f3"}}`, `{"properties":{"x":{"anyOf":[{"$ref":"#/properties/x"}]}}}`)
	f.Fuzz(func(t *testing.T, arguments, schema string) {
		var tree map[string]any
		_ = json.Unmarshal([]byte(schema), &tree)
		shown := Redacted(json.RawMessage(arguments), tree)
		if !json.Valid(shown) || len(shown) > 2*maxRedacted {
			t.Fatalf("%s is shown as %s", arguments, shown)
		}
		var whole any
		if json.Unmarshal([]byte(arguments), &whole) != nil {
			return
		}
		wrapped, err := json.Marshal(map[string]any{"outer": []any{map[string]any{"db_password": "SENTINEL-7f3", "rest": whole}}})
		if err != nil {
			return
		}
		if !strings.Contains(arguments, "SENTINEL-7f3") && strings.Contains(string(Redacted(wrapped, tree)), "SENTINEL-7f3") {
			t.Fatalf("a password is shown: %s", Redacted(wrapped, tree))
		}
	})
}
