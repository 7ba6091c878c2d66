// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"holdfast/gateway/dialect"
)

func TestPathsOfWhatIsWrong(t *testing.T) {
	t.Parallel()
	v, err := Check([]byte(` {"list":[{"ok":1},{"deep":{"name":7}}]} `))
	if err != nil {
		t.Fatal(err)
	}
	err = v.Object(func(_ []byte, v Value) error {
		return v.List(func(_ int, v Value) error {
			return v.Object(func(key []byte, v Value) error {
				if string(key) == "ok" {
					return nil
				}
				return v.Object(func(_ []byte, v Value) error {
					_, err := v.Text()
					return err
				})
			})
		})
	})
	wrong, ok := errors.AsType[*dialect.InputError](err)
	if !ok || wrong.Field != "list[1].deep.name" || wrong.Message != "must be a string" {
		t.Errorf("got %v", err)
	}
}

func TestCheckRefuses(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"nothing": "", "space": " \n", "a list": "[]", "text": `"a"`, "torn": `{"a":`, "two": `{}{}`, "bad UTF-8": "{\"a\":\"\xff\"}",
	} {
		if _, err := Check([]byte(body)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestObjectRefusesTwins(t *testing.T) {
	t.Parallel()
	take := func([]byte, Value) error { return nil }
	for _, body := range []string{`{"a":1,"b":2,"a":3}`, `{"a":1,"\u0061":3}`} {
		if err := (Value{[]byte(body)}).Object(take); err == nil {
			t.Errorf("%s is taken", body)
		}
	}
	many := `{"a":0` + strings.Repeat(`,"`+strings.Repeat("k", 3)+`":1`, 1) + `}`
	if err := (Value{[]byte(many)}).Object(take); err != nil {
		t.Error(err)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]int64{"7": 7, "7.0": 7, "1e2": 100, "-3": -3} {
		if got, err := (Value{[]byte(raw)}).Int(-5, 1000); err != nil || got != want {
			t.Errorf("%s is %d, %v", raw, got, err)
		}
	}
	for _, raw := range []string{"7.5", `"7"`, "null", "1e99", "-9", "1001", "99999999999999999999"} {
		if got, err := (Value{[]byte(raw)}).Int(-5, 1000); err == nil {
			t.Errorf("%s is %d", raw, got)
		}
	}
	if f, err := (Value{[]byte("0.25")}).Float(); err != nil || *f != 0.25 {
		t.Error(f, err)
	}
	if f, err := (Value{[]byte("null")}).Float(); err != nil || f != nil {
		t.Error(f, err)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	yes := true
	j := append(JSON(nil), "data: "...)
	j.Open()
	j.Key("a").List()
	j.Int(-1)
	j.Text("x\n\"\\\x01é😀\xff")
	j.Null()
	j.List()
	j.EndList()
	j.EndList()
	j.Key("b").Open()
	j.Close()
	j.BoolField("c", &yes)
	j.BoolField("d", nil)
	j.Field("e", "")
	j.Key("f").Float(0.5)
	j.Close()
	var got any
	text, ok := strings.CutPrefix(string(j), "data: ")
	if err := json.Unmarshal([]byte(text), &got); !ok || err != nil {
		t.Fatalf("%v in %s", err, j)
	}
	want := map[string]any{"a": []any{-1.0, "x\n\"\\\x01é😀\uFFFD", nil, []any{}}, "b": map[string]any{}, "c": true, "f": 0.5}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestRenameAndDrop(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{`{"a":1, "max_completion_tokens" : 5 ,"b":2}`, `{"a":1,"new":5,"b":2}`, `{"a":1,"b":2}`},
		{`{"max_completion_tokens":{"x":[1,2]}}`, `{"new":{"x":[1,2]}}`, `{}`},
		{`{"new":1,"max_completion_tokens":2}`, `{"new":1,"max_completion_tokens":2}`, `{"new":1}`},
		{`{"a":"max_completion_tokens"}`, `{"a":"max_completion_tokens"}`, `{"a":"max_completion_tokens"}`},
	} {
		for i, got := range [][]byte{Rename([]byte(c[0]), "max_completion_tokens", "new"), Drop([]byte(c[0]), "max_completion_tokens")} {
			var a, b any
			if err := json.Unmarshal(got, &a); err != nil {
				t.Fatalf("%v in %s", err, got)
			}
			_ = json.Unmarshal([]byte(c[1+i]), &b)
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s became %s", c[0], got)
			}
		}
	}
}

func TestDataURI(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string][2]string{
		"data:image/png;base64,AAAA": {"image/png", "AAAA"}, "data:text/plain;charset=utf-8;base64,QQ==": {"text/plain", "QQ=="},
		"data:text/plain,hello": {}, "https://x/y.png": {}, "data:image/png;base64,": {}, "data:": {},
	} {
		kind, data, ok := SplitDataURI(uri)
		if kind != want[0] || data != want[1] || ok != (want[1] != "") {
			t.Errorf("%s is %q %q %v", uri, kind, data, ok)
		}
	}
}

// FuzzValue holds that everything that json.Valid takes is walked without a panic, as encoding/json
// reads it.
func FuzzValue(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"\ud800\u0041"}],"c":null}`, ` {"":{}} `, `{"a":"\\\"","a2":-1.5e-7}`, `{`, "\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := Check(body)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		err = v.Object(func(key []byte, v Value) error {
			if !json.Valid(v.Raw) {
				t.Fatalf("%q is no value of %q", v.Raw, body)
			}
			text, err := v.Text()
			if back := Quote(text); err == nil && (!utf8.ValidString(text) || !json.Valid([]byte(back))) {
				t.Fatalf("%q is quoted as %q", text, back)
			}
			got[string(key)] = string(v.Raw)
			return nil
		})
		for key, raw := range want {
			if err == nil && got[key] != string(raw) {
				t.Fatalf("%q is %q, want %q", key, got[key], raw)
			}
		}
		if len(Apply(body, Edit{0, 0, ""})) != len(body) || !json.Valid(Drop(v.Raw, "a")) || !json.Valid(Rename(v.Raw, "a", "b")) {
			t.Fatalf("edited %q", body)
		}
	})
}
