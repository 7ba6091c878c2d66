// SPDX-License-Identifier: Apache-2.0

package openai

import (
	"errors"
	"reflect"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
)

func TestScanEmbeddings(t *testing.T) {
	t.Parallel()
	for body, input := range map[string]int64{
		`{"model":"e","input":"12345678"}`: 2, `{"input":["12345678","1234"],"model":"e","dimensions":5}`: 3,
		`{"model":"e","input":[1,2,3]}`: 3, `{"model":"e","input":[[1,2],[3]],"user":"u"}`: 3, `{"model":"e","input":[]}`: 0,
	} {
		r, err := scanEmbeddings([]byte(body))
		if err != nil || r.Input != input || r.Model != "e" || r.Stream || r.MaxOutput != 0 {
			t.Errorf("%s: %+v %v", body, r, err)
			continue
		}
		var before, after map[string]any
		mustUnmarshal(t, []byte(body), &before)
		mustUnmarshal(t, r.Edit.For("other", 99), &after)
		before["model"] = "other"
		if !reflect.DeepEqual(before, after) {
			t.Errorf("%s became %v", body, after)
		}
	}
	for body, field := range map[string]string{
		`{"input":"a"}`: "model", `{"model":"e"}`: "input", `{"model":7,"input":"a"}`: "model", `{"model":"e","input":7}`: "input",
		`{"model":"e","model":"f","input":"a"}`: "model", `{"model":"e","input":"a","input":"b"}`: "input", `[]`: "",
	} {
		_, err := scanEmbeddings([]byte(body))
		if wrong, ok := errors.AsType[*dialect.InputError](err); !ok || wrong.Field != field {
			t.Errorf("%s: got %v, want %s", body, err, field)
		}
	}
}

func TestReadEmbeddings(t *testing.T) {
	t.Parallel()
	said, ok := readEmbeddings([]byte(`{"object":"list","data":[{"index":0,"embedding":[0.1]}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}`))
	if !ok || said.Empty || said.Usage != (holdfast.Usage{Input: 8}) {
		t.Errorf("%+v %v", said, ok)
	}
	if said, ok := readEmbeddings([]byte(`{"data":[]}`)); !ok || !said.Empty {
		t.Errorf("%+v %v", said, ok)
	}
	for _, body := range []string{`{}`, `[]`, `<html>`, `{"error":{}}`} {
		if said, ok := readEmbeddings([]byte(body)); ok {
			t.Errorf("%s is %+v", body, said)
		}
	}
}

func FuzzScanEmbeddings(f *testing.F) {
	f.Add([]byte(`{"model":"e","input":[[1,2],"a",{}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, _ = readEmbeddings(body)
		r, err := scanEmbeddings(body)
		if err != nil {
			return
		}
		if again, err := scanEmbeddings(r.Edit.For("other", 0)); err != nil || again.Model != "other" || r.Input < 0 {
			t.Fatalf("%+v %v", again, err)
		}
	})
}
