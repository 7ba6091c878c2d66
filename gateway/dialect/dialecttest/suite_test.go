// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"bytes"
	"testing"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/anthropic"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/responses"
)

// all are the dialects that are translated.
func all() []*dialect.Dialect {
	return []*dialect.Dialect{openai.Chat(), responses.Dialect(), anthropic.Messages()}
}

func TestDialects(t *testing.T) {
	t.Parallel()
	Run(t, all()...)
}

// TestFixtures: the grammars accept the streams and answers that servers send, and hear in them what
// they say.
func TestFixtures(t *testing.T) {
	t.Parallel()
	for _, c := range streamCases() {
		for name, stream := range c.streams {
			heard, err := Check(name, []byte(stream))
			if err != nil {
				t.Errorf("%s in %s: %v", c.name, name, err)
			}
			same(t, c.name+" in "+name, heard, c.says)
		}
	}
	for _, c := range answerCases() {
		for name, body := range c.bodies {
			heard, err := ReadAnswer(name, []byte(body))
			if err != nil {
				t.Errorf("%s in %s: %v", c.name, name, err)
			}
			same(t, c.name+" in "+name, heard, c.says)
		}
	}
}

// TestCustomTools: a model of any dialect calls the custom tools of a client of Responses as functions,
// and the client's stream is that of custom tools. A model that writes plain text is taken at its word.
func TestCustomTools(t *testing.T) {
	t.Parallel()
	asked, err := responses.Dialect().Decode([]byte(`{"model":"m","stream":true,"input":"So?","tools":[{"type":"custom","name":"weather"},{"type":"custom","name":"now","description":"Tells the time."}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, provider := range all() {
		for _, c := range streamCases() {
			var out []byte
			decoder, encoder := provider.NewDecoder(), responses.Dialect().NewEncoder(asked)
			for data := range datas(c.streams[provider.Name]) {
				events, err := decoder.Decode(data)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					out = encoder.Encode(out, e)
				}
			}
			heard, err := Check(Responses, out)
			if err != nil {
				t.Errorf("%s from %s: %v in\n%s", c.name, provider.Name, err, out)
			}
			same(t, c.name+" from "+provider.Name, heard, c.says)
			if custom := bytes.Contains(out, []byte(`"custom_tool_call"`)); custom != (len(c.says.Calls) > 0) || bytes.Contains(out, []byte(`"type":"function_call"`)) {
				t.Errorf("%s from %s: the calls have another form: %s", c.name, provider.Name, out)
			}
		}
	}
}
