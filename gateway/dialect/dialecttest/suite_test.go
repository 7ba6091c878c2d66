// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
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
