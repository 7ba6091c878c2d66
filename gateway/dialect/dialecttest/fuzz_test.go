// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"errors"
	"testing"

	"holdfast/gateway/dialect"
)

// FuzzRequests: a request that one dialect reads is written in another, which then reads it for the
// same, or it is an input error.
func FuzzRequests(f *testing.F) {
	for _, c := range requestCases() {
		for _, body := range c.bodies {
			f.Add([]byte(body))
		}
	}
	for _, c := range refusals() {
		f.Add([]byte(c.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, client := range all() {
			said, err := client.Decode(body)
			inputError(t, err)
			if err != nil {
				continue
			}
			for _, provider := range all() {
				out, err := provider.Encode(said)
				inputError(t, err)
				if err != nil {
					continue
				}
				heard, err := provider.Decode(out)
				if err != nil || heard.Model != said.Model || heard.Stream != said.Stream {
					t.Fatalf("%s to %s: %v in %s", client.Name, provider.Name, err, out)
				}
			}
		}
	})
}

// theirs tells what is wrong with the answer itself.
func theirs(err error) bool { return errors.Is(err, errArguments) || errors.Is(err, errNameless) }

func inputError(t *testing.T, err error) {
	t.Helper()
	if _, ok := errors.AsType[*dialect.InputError](err); err != nil && !ok {
		t.Fatalf("%v is no input error", err)
	}
}

// FuzzStreams: whatever a server sends, what the client gets is legal in its dialect, or is cut.
func FuzzStreams(f *testing.F) {
	for _, c := range streamCases() {
		for _, stream := range c.streams {
			f.Add(stream)
		}
	}
	for _, c := range oneWays() {
		f.Add(c.stream)
	}
	asked := &dialect.Request{
		Model: "m", Stream: true, UsageAsked: true,
		Tools: []dialect.Tool{{Name: "weather", Form: "custom"}, {Name: "now"}},
	}
	f.Fuzz(func(t *testing.T, stream string) {
		for _, provider := range all() {
			for _, client := range all() {
				var out []byte
				decoder, encoder := provider.NewDecoder(), client.NewEncoder(asked)
				for data := range datas(stream) {
					events, err := decoder.Decode(data)
					if err != nil {
						break // the gateway ends it with an error event
					}
					for _, e := range events {
						out = encoder.Encode(out, e)
					}
				}
				_, err := Check(client.Name, out)
				if err != nil && !errors.Is(err, errCut) && !theirs(err) {
					t.Fatalf("%s to %s: %v in\n%s", provider.Name, client.Name, err, out)
				}
			}
		}
	})
}

// FuzzAnswers: a plain answer that one dialect reads is whole in another, or refused.
func FuzzAnswers(f *testing.F) {
	for _, c := range answerCases() {
		for _, body := range c.bodies {
			f.Add([]byte(body))
		}
	}
	asked := &dialect.Request{Model: "m"}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, provider := range all() {
			r, err := provider.DecodeAnswer(body)
			if err != nil || r.ID == "" || r.Model == "" {
				continue
			}
			for _, client := range all() {
				out, err := client.EncodeAnswer(r, asked)
				if err != nil {
					continue
				}
				if _, err := ReadAnswer(client.Name, out); err != nil && !theirs(err) {
					t.Fatalf("%s to %s: %v in %s", provider.Name, client.Name, err, out)
				}
			}
		}
	})
}
