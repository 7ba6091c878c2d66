// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/provider"
	"holdfast/gateway/provider/remote"
)

// TestFlavors runs the suite against each kind of server, by the client that calls it: what clients of
// each dialect say arrives as that server takes it, and what it answers, plain and streamed, is heard.
func TestFlavors(t *testing.T) {
	t.Parallel()
	for _, flavor := range remote.Flavors() {
		t.Run(flavor.Name, func(t *testing.T) {
			t.Parallel()
			server := &flavorServer{t: t, flavor: flavor}
			remote, err := remote.New(remote.Options{URL: "https://models.example/v1", Flavor: flavor.Name, Transport: server})
			if err != nil {
				t.Fatal(err)
			}
			translated := 0
			for _, spoken := range all() {
				if !slices.Contains(remote.Speaks(), spoken.Name) {
					continue
				}
				translated++
				if spoken.Name == Chat {
					spoken = openai.ChatAs(remote.Form())
				}
				for _, client := range all() {
					server.hear(remote, spoken, client)
					server.tell(remote, spoken, client)
				}
			}
			if translated == 0 {
				t.Errorf("it speaks none of the dialects: %v", remote.Speaks())
			}
		})
	}
}

// A flavorServer answers in the stead of a kind of server, and judges what it is asked.
type flavorServer struct {
	t      *testing.T
	flavor remote.Flavor
	asked  []byte
	kind   string // of the answer's content
	answer string
}

// RoundTrip takes a request as that server does.
func (s *flavorServer) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked, _ = io.ReadAll(r.Body)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {s.kind}}, Body: io.NopCloser(strings.NewReader(s.answer)), Request: r,
	}, nil
}

// do asks the server through the client that the house has for it.
func (s *flavorServer) do(c *remote.Client, spoken *dialect.Dialect, said *dialect.Request) ([]byte, error) {
	body, err := spoken.Encode(said)
	if err != nil {
		return nil, err
	}
	answer, err := c.Do(s.t.Context(), provider.Call{Dialect: spoken.Name, Model: said.Model, Body: body, Stream: said.Stream})
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	return io.ReadAll(answer.Body)
}

// hear: each request of a client arrives at the server, in fields that it takes.
func (s *flavorServer) hear(c *remote.Client, spoken, client *dialect.Dialect) {
	s.t.Helper()
	for _, one := range requestCases() {
		said, err := client.Decode([]byte(one.bodies[client.Name]))
		if err != nil {
			s.t.Errorf("%s: %v", one.name, err)
			continue
		}
		want := describe(said)
		if _, err := s.do(c, spoken, said); err != nil {
			wrong, named := errors.AsType[*dialect.InputError](err)
			if !named || wrong.Field == "" {
				s.t.Errorf("%s of %s: %v", one.name, client.Name, err)
			}
			s.t.Errorf("%s of %s is refused: %v", one.name, client.Name, err)
			continue
		}
		s.taken(one.name, spoken)
		heard, err := spoken.Decode(s.asked)
		if err != nil {
			s.t.Errorf("%s of %s: %v in %s", one.name, client.Name, err, s.asked)
			continue
		}
		// What a dialect spells otherwise is judged by the pairs of dialects; here nothing may get lost.
		direct, err := spoken.Encode(said)
		if err != nil {
			s.t.Fatal(err)
		}
		again, err := spoken.Decode(direct)
		if err != nil {
			s.t.Fatal(err)
		}
		if got, translated := describe(heard), describe(again); got != translated {
			s.t.Errorf("%s of %s: heard\n%swant\n%sof\n%s", one.name, client.Name, got, translated, want)
		}
	}
}

// taken judges the fields of chat completions by what the flavor is known to refuse.
func (s *flavorServer) taken(name string, spoken *dialect.Dialect) {
	s.t.Helper()
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(s.asked, &fields); err != nil {
		s.t.Errorf("%s: %v in %s", name, err, s.asked)
		return
	}
	if spoken.Name != Chat {
		return
	}
	for _, field := range slices.Concat(s.flavor.Drop, s.flavor.Refuse) {
		if _, there := fields[field]; there {
			s.t.Errorf("%s: %s is sent, which is refused: %s", name, field, s.asked)
		}
	}
	for from := range s.flavor.Rename {
		if _, there := fields[from]; there {
			s.t.Errorf("%s: %s is sent under a name that is not known: %s", name, from, s.asked)
		}
	}
	for _, limit := range []string{"max_tokens", "max_completion_tokens"} {
		if _, there := fields[limit]; there && s.flavor.Limit != "" && s.flavor.Limit != limit {
			s.t.Errorf("%s: the limit is sent as %s: %s", name, limit, s.asked)
		}
	}
}

// tell: what the server answers, the client hears in its own dialect.
func (s *flavorServer) tell(c *remote.Client, spoken, client *dialect.Dialect) {
	s.t.Helper()
	asked := asks(s.t, client)
	for _, one := range answerCases() {
		s.kind, s.answer = "application/json", one.bodies[spoken.Name]
		asked.Stream = false
		body, err := s.do(c, spoken, asked)
		if err != nil {
			s.t.Errorf("%s: %v", one.name, err)
			continue
		}
		said, err := spoken.DecodeAnswer(body)
		if err == nil {
			body, err = client.EncodeAnswer(said, asked)
		}
		if err != nil {
			s.t.Errorf("%s to %s: %v", one.name, client.Name, err)
			continue
		}
		if heard, err := ReadAnswer(client.Name, body); err != nil || !reflect.DeepEqual(heard, one.says) {
			s.t.Errorf("%s to %s: heard\n%+v, want\n%+v: %v", one.name, client.Name, heard, one.says, err)
		}
	}
	for _, one := range streamCases() {
		s.kind, s.answer = "text/event-stream", one.streams[spoken.Name]
		asked.Stream = true
		body, err := s.do(c, spoken, asked)
		if err != nil {
			s.t.Errorf("%s: %v", one.name, err)
			continue
		}
		out, _ := translate(s.t, spoken, client, string(body))
		if heard, err := Check(client.Name, out); err != nil || !reflect.DeepEqual(heard, one.says) {
			s.t.Errorf("%s to %s: heard\n%+v, want\n%+v: %v", one.name, client.Name, heard, one.says, err)
		}
	}
}

// TestEveryWord: the suite, which translates each dialect to each, has a case for each thing that the
// dialects promise to translate, so that taking one away is noticed.
func TestEveryWord(t *testing.T) {
	t.Parallel()
	requests, answers, streams := map[string]bool{}, map[string]bool{}, map[string]bool{}
	stops, usage := map[string]bool{}, map[string]bool{}
	note := func(says Transcript) {
		stops[says.Stop] = true
		usage["cached"] = usage["cached"] || says.Usage.Cached > 0
		usage["reasoning"] = usage["reasoning"] || says.Usage.Reasoning > 0
	}
	whole := func(name string, forms map[string]string) {
		for _, d := range all() {
			if forms[d.Name] == "" {
				t.Errorf("%s is not there in %s", name, d.Name)
			}
		}
	}
	for _, c := range requestCases() {
		requests[c.name] = true
		whole(c.name, c.bodies)
	}
	for _, c := range answerCases() {
		answers[c.name] = true
		whole(c.name, c.bodies)
		note(c.says)
	}
	for _, c := range streamCases() {
		streams[c.name] = true
		whole(c.name, c.streams)
		note(c.says)
	}
	for _, c := range oneWays() {
		note(c.says)
	}
	for what, held := range map[string]struct {
		cases map[string]bool
		want  []string
	}{
		"requests": {requests, []string{"settings", "tools", "one tool", "parallel calls and results", "images", "a file", "structured output", "reasoning", "no reasoning"}},
		"answers":  {answers, []string{"text", "parallel calls", "cut by the limit", "filtered"}},
		"streams":  {streams, []string{"text", "parallel calls", "thinking, cut by the limit"}},
		"stops":    {stops, []string{"end", "tools", "length", "filter", "sequence", "pause"}},
		"usage":    {usage, []string{"cached", "reasoning"}},
	} {
		for _, name := range held.want {
			if !held.cases[name] {
				t.Errorf("%s: nothing says %q", what, name)
			}
		}
	}
}
