// SPDX-License-Identifier: Apache-2.0

package rehearsal

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/provider"
)

type embedded struct {
	Object string
	Model  string
	Data   []struct {
		Object    string
		Index     int
		Embedding json.RawMessage
	}
	Usage *struct {
		Prompt int64 `json:"prompt_tokens"`
		Total  int64 `json:"total_tokens"`
	}
}

func embed(t *testing.T, m *Model, members string) (*provider.Answer, embedded) {
	t.Helper()
	answer, err := m.Do(t.Context(), provider.Call{Model: "m", Dialect: provider.Embeddings, Body: []byte(`{"model":"m",` + members + `}`)})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	var e embedded
	if answer.Status == 200 {
		said, ok := openai.Embeddings().Answer(body)
		if err := json.Unmarshal(body, &e); err != nil || !ok || said.Empty || said.HasUsage != (e.Usage != nil) {
			t.Fatalf("%v, %+v: %.300s", err, said, body)
		}
	}
	return answer, e
}

func numbers(t *testing.T, raw json.RawMessage) []float32 {
	t.Helper()
	var list []float32
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	var text string
	err := json.Unmarshal(raw, &text)
	bytes, wrong := base64.StdEncoding.DecodeString(text)
	if err != nil || wrong != nil || len(bytes)%4 != 0 {
		t.Fatalf("%v, %v: %.100s", err, wrong, raw)
	}
	for b := range slices.Chunk(bytes, 4) {
		list = append(list, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return list
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	m := model(t)
	_, one := embed(t, m, `"input":"a quiet sea"`)
	usual := numbers(t, one.Data[0].Embedding)
	if len(usual) != usualDimensions || one.Object != "list" || one.Model != "m" || one.Data[0].Object != "embedding" || one.Usage.Prompt < 2 || one.Usage.Total != one.Usage.Prompt {
		t.Errorf("%d numbers, %+v", len(usual), one.Usage)
	}
	_, some := embed(t, model(t), `"input":["a quiet sea","a loud one"],"encoding_format":"base64"`)
	if len(some.Data) != 2 || some.Data[1].Index != 1 || !slices.Equal(numbers(t, some.Data[0].Embedding), usual) {
		t.Error("the same text has another vector in another form, list or run")
	}
	if slices.Equal(numbers(t, some.Data[1].Embedding), usual) {
		t.Error("two texts have one vector")
	}
	for _, input := range []string{`"a"`, `["a","b"]`, `[97]`, `[[97,98],[99]]`, `["a",[97]]`} {
		_, e := embed(t, m, `"dimensions":7,"input":`+input)
		for _, d := range e.Data {
			list := numbers(t, d.Embedding)
			square := 0.0
			for _, x := range list {
				square += float64(x) * float64(x)
			}
			if len(list) != 7 || math.Abs(square-1) > 1e-5 {
				t.Errorf("%s: %v is no unit vector of 7", input, list)
			}
		}
	}
	_, tokens := embed(t, m, `"input":[97,98]`)
	if len(tokens.Data) != 1 || tokens.Usage.Prompt != 2 {
		t.Errorf("tokens are %d inputs, %+v", len(tokens.Data), tokens.Usage)
	}
}

func TestEmbeddingsRefused(t *testing.T) {
	t.Parallel()
	for members, want := range map[string]string{
		`"input":""`:                           "input: must not be empty",
		`"input":["a",""]`:                     "input[1]: must not be empty",
		`"input":[[]]`:                         "input[0]: must not be empty",
		`"input":[]`:                           "input: must not be empty",
		`"input":["a",7]`:                      "input[1]: must be a string",
		`"input":[1.5]`:                        "input[0]: must be a string",
		`"input":{"a":1}`:                      "input: must be a string or a list",
		`"input":"a","dimensions":0`:           "dimensions: must be between",
		`"input":"a","dimensions":5000`:        "dimensions: must be between",
		`"input":"a","encoding_format":"int8"`: "encoding_format: must be float or base64",
		fmt.Sprintf(`"input":["a"%s]`, strings.Repeat(`,"b"`, 1000)): "input: asks for more",
	} {
		answer, err := model(t).Do(t.Context(), provider.Call{Model: "m", Dialect: provider.Embeddings, Body: []byte(`{"model":"m",` + members + `}`)})
		if err != nil || answer.Status != 400 {
			t.Errorf("%.60s: %v, %+v", members, err, answer)
			continue
		}
		if body, _ := io.ReadAll(answer.Body); !strings.Contains(string(body), want) {
			t.Errorf("%.60s: %s, want %s", members, body, want)
		}
	}
}

// TestEmbeddingsFollowTheScript: its faults and numbers, not its words.
func TestEmbeddingsFollowTheScript(t *testing.T) {
	t.Parallel()
	m := model(t)
	if answer, _ := embed(t, m, `"input":"limit me"`); answer.Status != 429 || answer.Header.Get("Retry-After") != "2" {
		t.Errorf("limited: %d %v", answer.Status, answer.Header)
	}
	if _, e := embed(t, m, `"input":"counted","dimensions":2`); e.Usage.Prompt != 100 || len(numbers(t, e.Data[0].Embedding)) != 2 {
		t.Errorf("counted: %+v", e)
	}
	if _, e := embed(t, m, `"input":"uncounted","dimensions":2`); e.Usage != nil {
		t.Errorf("uncounted: %+v", e.Usage)
	}
	ask := func(text string) (*provider.Answer, error) {
		return m.Do(t.Context(), provider.Call{Model: "m", Dialect: provider.Embeddings, Body: []byte(`{"model":"m","input":"` + text + `"}`)})
	}
	empty, err := ask("empty")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(empty.Body)
	if said, ok := openai.Embeddings().Answer(body); !ok || !said.Empty {
		t.Errorf("empty: %+v %v: %s", said, ok, body)
	}
	cut, err := ask("cut")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(cut.Body); err == nil {
		t.Error("cut: it came whole")
	}
	if _, err := ask("refuse"); err == nil {
		t.Error("refuse: it was answered")
	}
}
