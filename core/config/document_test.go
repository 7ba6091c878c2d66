// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"encoding/json"
	"slices"
	"testing"

	"holdfast/core/config"
)

const lunaStyle = `{
  "luna": {
    "version": "01-02-26",
    "timezone": "Europe/Paris",
    "extra": 1.0
  },
  "deployment_mode": "ngrok",
  "extensions": {
    "notes": {
      "enabled": true,
      "source": "github:u\/r",
      "config": {
        "n": 12345678901234567890,
        "caf\u00e9": []
      }
    }
  },
  "port_assignments": {
    "extensions": {
      "notes": 5200
    },
    "services": {
      "notes.backend": 5300
    }
  },
  "of_somebody_else": {
    "z": 1e3,
    "a": {}
  }
}
`

func parse(t *testing.T, text string) *config.Document {
	t.Helper()
	d, err := config.ParseDocument("f.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDocumentKeepsBytes(t *testing.T) {
	d := parse(t, lunaStyle)
	if got := string(d.Bytes()); got != lunaStyle {
		t.Errorf("reading and writing changed the text:\n%s", got)
	}
	for _, same := range []struct {
		value any
		path  []string
	}{
		{true, []string{"extensions", "notes", "enabled"}},
		{"github:u/r", []string{"extensions", "notes", "source"}},
		{5300, []string{"port_assignments", "services", "notes.backend"}},
	} {
		if err := d.Set(same.value, same.path...); err != nil {
			t.Fatal(err)
		}
	}
	if got := string(d.Bytes()); got != lunaStyle {
		t.Errorf("setting what was there changed the text:\n%s", got)
	}
}

func TestDocumentSetDelete(t *testing.T) {
	d := parse(t, "")
	for _, path := range [][]string{{"b", "c", "d"}, {"a"}, {"b", "x.y"}} {
		if err := d.Set(len(path), path...); err != nil {
			t.Fatal(err)
		}
	}
	want := "{\n  \"b\": {\n    \"c\": {\n      \"d\": 3\n    },\n    \"x.y\": 2\n  },\n  \"a\": 1\n}\n"
	if got := string(d.Bytes()); got != want {
		t.Errorf("got %s want %s", got, want)
	}
	if !d.Delete("b", "c") || d.Delete("b", "c") || d.Delete("q", "r") {
		t.Error("delete told wrongly whether something was there")
	}
	if got := d.Keys("b"); !slices.Equal(got, []string{"x.y"}) {
		t.Errorf("keys %v", got)
	}
	var n int
	if found, err := d.Decode(&n, "b", "x.y"); !found || err != nil || n != 2 {
		t.Error(found, err, n)
	}
}

func TestDocumentMerge(t *testing.T) {
	d := parse(t, `{"a":{"x":1,"y":2},"b":[1],"c":"keep"}`)
	changed, err := d.Merge(parse(t, `{"a":{"x":null,"y":2,"z":{"n":null,"m":1}},"b":[2],"c":"keep","d":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"a.x", "a.z", "b"}; !slices.Equal(changed, want) {
		t.Errorf("changed %v want %v", changed, want)
	}
	var got any
	if err := json.Unmarshal(d.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	text, _ := json.Marshal(got)
	if want := `{"a":{"y":2,"z":{"m":1}},"b":[2],"c":"keep"}`; string(text) != want {
		t.Errorf("got %s want %s", text, want)
	}
}

func TestDocumentSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"{\n  \"a\": 1,\n  \"b\": tru\n}": "f.json:3:11: invalid character '\\n' in literal true (expecting 'e') (want valid JSON)",
		"[1]":                             "f.json:1:1: wants a map, has a list",
		`{"a":1}{`:                        "f.json:1:8: invalid character '{' after top-level value (want valid JSON)",
		`{"a":1,"a":2}`:                   "f.json:1:8: a: stands here a second time (keep one of them)",
		`{"a":`:                           "f.json:1:6: the document ends too early (want valid JSON)",
	} {
		_, err := config.ParseDocument("f.json", []byte(text))
		if err == nil {
			t.Errorf("%q was accepted", text)
			continue
		}
		p := problems(t, err)[0]
		p.Excerpt = ""
		if p.String() != want {
			t.Errorf("%q:\ngot  %s\nwant %s", text, p, want)
		}
	}
}
