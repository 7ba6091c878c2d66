// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// Run judges dialects each by itself and each against each, in both directions.
func Run(t *testing.T, dialects ...*dialect.Dialect) {
	t.Helper()
	for _, one := range dialects {
		t.Run(one.Name, func(t *testing.T) {
			t.Parallel()
			runAlone(t, one)
		})
		for _, other := range dialects {
			t.Run(one.Name+" to "+other.Name, func(t *testing.T) {
				t.Parallel()
				runRequests(t, one, other)
				runSayings(t, one, other)
				runRefusals(t, one, other)
				runAnswers(t, one, other)
				runStreams(t, one, other)
				runOneWays(t, one, other)
				runFailures(t, one, other)
			})
		}
	}
}

// runAlone judges how the bytes of one dialect are read when they are passed on.
func runAlone(t *testing.T, d *dialect.Dialect) {
	t.Helper()
	for _, c := range requestCases() {
		call, err := d.Scan([]byte(c.bodies[d.Name]))
		if err != nil || call.Model != "claude-opus-4-6" || call.MaxOutput != 500 || call.Input < 2 {
			t.Errorf("%s: scanned %+v: %v", c.name, call, err)
			continue
		}
		again, err := d.Scan(call.Edit.For("other", 0))
		if err != nil || again.Model != "other" || again.Stream != call.Stream || again.Input < call.Input {
			t.Errorf("%s: scanned again %+v: %v", c.name, again, err)
		}
	}
	for _, c := range answerCases() {
		said, ok := d.Answer([]byte(c.bodies[d.Name]))
		if !ok || !said.HasUsage || counts(said.Usage) != c.says.Usage || said.Empty || said.ID == "" {
			t.Errorf("%s: answer %+v %v", c.name, said, ok)
		}
	}
	for _, c := range streamCases() {
		tap := d.NewTap()
		for data := range datas(c.streams[d.Name]) {
			if kind := tap.See(data); kind == dialect.KindGarbage || kind == dialect.KindError {
				t.Errorf("%s: kind %d of %s", c.name, kind, data)
			}
		}
		used, stated := tap.Usage()
		if seen := tap.Seen(); !stated || counts(used) != c.says.Usage || !seen.Finished || seen.Output == 0 || seen.ID == "" {
			t.Errorf("%s: tapped %+v %v %+v", c.name, used, stated, seen)
		}
	}
}

// counts is usage in what the dialects have in common.
func counts(u holdfast.Usage) Counts {
	return Counts{Input: u.Input + u.CachedRead + u.CacheWrite5m + u.CacheWrite1h, Cached: u.CachedRead, Output: u.Output, Reasoning: u.Reasoning}
}

// datas yields the data of each event of a stream.
func datas(stream string) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		events := wire.NewEvents(strings.NewReader(stream), nil)
		for {
			for e, ok := events.Next(); ok; e, ok = events.Next() {
				if e.Data != nil && !yield(e.Data) {
					return
				}
			}
			if events.Fill() != nil {
				return
			}
		}
	}
}

// runRequests: what a client says in one dialect, the provider hears in the other.
func runRequests(t *testing.T, client, provider *dialect.Dialect) {
	t.Helper()
	for _, c := range requestCases() {
		said, err := client.Decode([]byte(c.bodies[client.Name]))
		if err != nil {
			t.Errorf("%s: %s cannot read it: %v", c.name, client.Name, err)
			continue
		}
		body, err := provider.Encode(said)
		if err != nil {
			t.Errorf("%s: %s cannot say it: %v", c.name, provider.Name, err)
			continue
		}
		heard, err := provider.Decode(body)
		if err != nil {
			t.Errorf("%s: %s does not understand %s: %v", c.name, provider.Name, body, err)
			continue
		}
		want, err := provider.Decode([]byte(c.bodies[provider.Name]))
		if err != nil {
			continue // said above, from the other side
		}
		if a, b := describe(heard), describe(want); a != b {
			t.Errorf("%s: heard\n%swant\n%s", c.name, a, b)
		}
		if call, err := provider.Scan(body); err != nil || call.Model != said.Model || call.Stream != said.Stream {
			t.Errorf("%s: %s scans %s: %+v %v", c.name, provider.Name, body, call, err)
		}
	}
}

// runSayings: what clients of one dialect alone say is heard, if in other words.
func runSayings(t *testing.T, client, provider *dialect.Dialect) {
	t.Helper()
	for _, c := range sayings() {
		if c.from != client.Name {
			continue
		}
		said, err := client.Decode([]byte(c.body))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		body, err := provider.Encode(said)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		heard, err := provider.Decode(body)
		if err != nil {
			t.Errorf("%s: %s does not understand %s: %v", c.name, provider.Name, body, err)
			continue
		}
		what := describe(heard)
		for _, want := range c.hears {
			if provider != client && strings.Contains(want, " failed ") {
				want = strings.Replace(want, "failed says ", "says Error: ", 1) // the others have no field for it
			}
			if !strings.Contains(what, want) {
				t.Errorf("%s: want %q in\n%s", c.name, want, what)
			}
		}
		for _, never := range c.never {
			if client != provider && strings.Contains(string(body), never) {
				t.Errorf("%s: %q was sent on: %s", c.name, never, body)
			}
		}
	}
}

// runRefusals: what the other dialect cannot say is refused with the client's name of the field.
func runRefusals(t *testing.T, client, provider *dialect.Dialect) {
	t.Helper()
	for _, c := range refusals() {
		if c.from != client.Name || c.to != provider.Name {
			continue
		}
		said, err := client.Decode([]byte(c.body))
		if err == nil {
			_, err = provider.Encode(said)
		}
		wrong, ok := errors.AsType[*dialect.InputError](err)
		if !ok || wrong.Field != c.field {
			t.Errorf("%s: got %v, want field %s", c.body, err, c.field)
		}
	}
}

// asks is the request that an answer is for.
func asks(t *testing.T, client *dialect.Dialect) *dialect.Request {
	t.Helper()
	r, err := client.Decode([]byte(requestCases()[0].bodies[client.Name]))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// runAnswers: what a provider says in one dialect, the client hears in the other.
func runAnswers(t *testing.T, provider, client *dialect.Dialect) {
	t.Helper()
	for _, c := range answerCases() {
		r, err := provider.DecodeAnswer([]byte(c.bodies[provider.Name]))
		if err != nil {
			t.Errorf("%s: cannot read the answer: %v", c.name, err)
			continue
		}
		body, err := client.EncodeAnswer(r, asks(t, client))
		if err != nil {
			t.Errorf("%s: cannot write the answer: %v", c.name, err)
			continue
		}
		heard, err := ReadAnswer(client.Name, body)
		if err != nil || !reflect.DeepEqual(heard, c.says) {
			t.Errorf("%s: heard\n%+v, want\n%+v: %v in %s", c.name, heard, c.says, err, body)
		}
	}
}

// translate passes a stream through a decoder and an encoder, and returns how an error ends it.
func translate(t *testing.T, provider, client *dialect.Dialect, stream string) (out []byte, end func(dialect.Failure) []byte) {
	t.Helper()
	decoder, encoder := provider.NewDecoder(), client.NewEncoder(asks(t, client))
	for data := range datas(stream) {
		events, err := decoder.Decode(data)
		if err != nil {
			t.Fatalf("%s cannot read %s: %v", provider.Name, data, err)
		}
		for _, e := range events {
			out = encoder.Encode(out, e)
		}
	}
	if ender, ok := encoder.(dialect.Ender); ok {
		return out, ender.End
	}
	return out, client.ErrorEvent
}

func runStreams(t *testing.T, provider, client *dialect.Dialect) {
	t.Helper()
	for _, c := range streamCases() {
		out, _ := translate(t, provider, client, c.streams[provider.Name])
		heard, err := Check(client.Name, out)
		if err != nil || !reflect.DeepEqual(heard, c.says) {
			t.Errorf("%s: heard\n%+v, want\n%+v: %v in\n%s", c.name, heard, c.says, err, out)
		}
		runCuts(t, provider, client, c)
	}
}

// runCuts: a stream that is cut after any of its events is never a whole one, and can end in an error.
func runCuts(t *testing.T, provider, client *dialect.Dialect, c streamCase) {
	t.Helper()
	stream := c.streams[provider.Name]
	for cut := strings.LastIndex(stream[:len(stream)-2], "\n\n"); cut > 0; cut = strings.LastIndex(stream[:cut], "\n\n") {
		out, end := translate(t, provider, client, stream[:cut+2])
		heard, err := Check(client.Name, out)
		if err == nil && reflect.DeepEqual(heard, c.says) {
			continue // the end of the stream says nothing more
		}
		if !errors.Is(err, errCut) {
			t.Errorf("%s: a cut stream looks like a whole one: %v in\n%s", c.name, err, out)
		}
		out = append(out, end(dialect.Failure{Type: "upstream_error", Code: "upstream_cut", Message: "it broke"})...)
		if heard, err := Check(client.Name, out); err != nil || heard.Failed != "it broke" {
			t.Errorf("%s: a cut stream's error: %+v %v in\n%s", c.name, heard, err, out)
		}
	}
}

// runFailures: an error of a provider reaches the client in the client's form, plain and in a stream.
func runFailures(t *testing.T, provider, client *dialect.Dialect) {
	t.Helper()
	for _, status := range []int{400, 401, 403, 404, 413, 429, 500, 503} {
		f, ok := provider.ReadError(status, provider.Error(dialect.Failure{Status: status, Type: "invalid_request_error", Message: "it is so"}))
		if !ok || f.Message != "it is so" || f.Status != status {
			t.Errorf("%d: %s read its own error as %+v %v", status, provider.Name, f, ok)
		}
		f, ok = client.ReadError(status, client.Error(f))
		if !ok || f.Message != "it is so" {
			t.Errorf("%d: %s read its own error as %+v %v", status, client.Name, f, ok)
		}
	}
	begun := streamCases()[0].streams[provider.Name]
	begun = begun[:strings.LastIndex(begun[:len(begun)*2/3], "\n\n")+2]
	stream := begun + string(provider.ErrorEvent(dialect.Failure{Status: 503, Type: "service_unavailable", Message: "it broke"}))
	out, _ := translate(t, provider, client, stream)
	if heard, err := Check(client.Name, out); err != nil || heard.Failed != "it broke" {
		t.Errorf("an error in the stream: %+v %v in\n%s", heard, err, out)
	}
}

// same compares what was heard with what was said.
func same(t *testing.T, name string, heard, said Transcript) {
	t.Helper()
	if !reflect.DeepEqual(heard, said) {
		t.Errorf("%s: heard\n%+v, want\n%+v", name, heard, said)
	}
}

// runOneWays: streams that servers of one dialect alone send.
func runOneWays(t *testing.T, provider, client *dialect.Dialect) {
	t.Helper()
	for _, c := range oneWays() {
		if c.from != provider.Name {
			continue
		}
		says, differs := c.others[client.Name]
		if !differs {
			says = c.says
		}
		out, _ := translate(t, provider, client, c.stream)
		heard, err := Check(client.Name, out)
		if err != nil || !reflect.DeepEqual(heard, says) {
			t.Errorf("%s: heard\n%+v, want\n%+v: %v in\n%s", c.name, heard, says, err, out)
		}
	}
}
