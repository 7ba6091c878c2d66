// SPDX-License-Identifier: Apache-2.0

// Package replay lets tests talk to a recorded server: exchanges stand in a YAML file, and a Tape
// answers with them one after the other, having held each request against the recorded one.
//
// It is not for the running house. A Recorder makes such files; whatever carries a key is blanked out
// before it is kept, in headers and in bodies. Files that were written by hand say so at their head.
// Callers: tests of providers and of the gateway.
package replay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml"
)

// Scrubbed stands where a secret stood.
const Scrubbed = "<scrubbed>"

// An Exchange is one request and its answer.
type Exchange struct {
	Request  Request  `yaml:"request"`
	Response Response `yaml:"response"`
}

// A Request is what a server was asked.
type Request struct {
	Method  string            `yaml:"method"`
	URL     string            `yaml:"url"`
	Headers map[string]string `yaml:"headers,omitempty"`
	Body    string            `yaml:"body"`
}

// A Response is what it answered.
type Response struct {
	Status  int               `yaml:"status"`
	Headers map[string]string `yaml:"headers,omitempty"`
	Body    string            `yaml:"body"`
}

type file struct {
	Exchanges []Exchange `yaml:"exchanges"`
}

// A Tape plays exchanges in their order. It is an http.RoundTripper.
type Tape struct {
	mu   sync.Mutex
	left []Exchange
}

// Load reads a tape.
func Load(path string) (*Tape, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read a tape: %w", err)
	}
	var f file
	if err := yaml.UnmarshalWithOptions(data, &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("cannot read the tape %s: %w", path, err)
	}
	return &Tape{left: f.Exchanges}, nil
}

// Left is how many exchanges were not asked for yet.
func (t *Tape) Left() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.left)
}

// RoundTrip answers with the next exchange. A request that differs from the recorded one is an error:
// in its method, its address, a recorded header, or its body as JSON.
func (t *Tape) RoundTrip(r *http.Request) (*http.Response, error) {
	asked, err := read(r)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.left) == 0 {
		return nil, fmt.Errorf("the tape is at its end: %s %s", asked.Method, asked.URL)
	}
	next := t.left[0]
	t.left = t.left[1:]
	if err := next.Request.differs(asked); err != nil {
		return nil, err
	}
	return next.Response.http(r), nil
}

func (want Request) differs(got Request) error {
	if want.Method != got.Method || want.URL != got.URL {
		return fmt.Errorf("asked %s %s, the tape has %s %s", got.Method, got.URL, want.Method, want.URL)
	}
	for _, name := range slices.Sorted(maps.Keys(want.Headers)) {
		if got.Headers[name] != want.Headers[name] {
			return fmt.Errorf("header %s is %q, the tape has %q", name, got.Headers[name], want.Headers[name])
		}
	}
	if !sameJSON(want.Body, got.Body) {
		return fmt.Errorf("body is %s, the tape has %s", got.Body, want.Body)
	}
	return nil
}

func sameJSON(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return strings.TrimSpace(a) == strings.TrimSpace(b)
	}
	return reflect.DeepEqual(x, y)
}

func (s Response) http(r *http.Request) *http.Response {
	header := http.Header{}
	for name, value := range s.Headers {
		header.Set(name, value)
	}
	return &http.Response{
		StatusCode: s.Status, Status: http.StatusText(s.Status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(s.Body)), ContentLength: int64(len(s.Body)), Request: r,
	}
}

// read takes a request apart, its secrets blanked out, and leaves its body readable.
func read(r *http.Request) (Request, error) {
	body := []byte{}
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return Request{}, fmt.Errorf("cannot read the request: %w", err)
		}
		_ = r.Body.Close()
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return Request{Method: r.Method, URL: scrub(r.URL.String()), Headers: scrubbed(r.Header), Body: scrub(string(body))}, nil
}

func scrubbed(h http.Header) map[string]string {
	out := make(map[string]string, len(h))
	for name := range h {
		out[name] = scrubHeader(name, h.Get(name))
	}
	return out
}

func scrubHeader(name, value string) string {
	switch name {
	case "Authorization":
		scheme, _, _ := strings.Cut(value, " ")
		return scheme + " " + Scrubbed
	case "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "Cookie", "Set-Cookie", "Openai-Organization", "Anthropic-Organization-Id":
		return Scrubbed
	}
	return scrub(value)
}

// secret finds keys as the known services make them.
var secret = regexp.MustCompile(`\b(?:sk|pk|rk|gsk|xai|AIza|or|hf|ghp)[-_][A-Za-z0-9_-]{12,}|\bAIza[A-Za-z0-9_-]{20,}|\b[Bb]earer\s+[A-Za-z0-9._~+/-]{12,}`)

func scrub(text string) string { return secret.ReplaceAllString(text, Scrubbed) }

// A Recorder passes requests on and keeps what was said.
type Recorder struct {
	// Next answers.
	Next http.RoundTripper

	mu   sync.Mutex
	kept []Exchange
}

// RoundTrip asks Next, reads the whole answer and keeps both.
func (r *Recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	asked, err := read(req)
	if err != nil {
		return nil, err
	}
	resp, err := r.Next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("cannot record the answer: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = append(r.kept, Exchange{asked, Response{resp.StatusCode, scrubbed(resp.Header), scrub(string(body))}})
	return resp, nil
}

// Save writes what was kept as a tape.
func (r *Recorder) Save(path, head string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := yaml.MarshalWithOptions(file{r.kept}, yaml.UseLiteralStyleIfMultiline(true))
	if err != nil {
		return fmt.Errorf("cannot write a tape: %w", err)
	}
	head = "# " + strings.ReplaceAll(strings.TrimSpace(head), "\n", "\n# ") + "\n"
	if err := os.WriteFile(path, append([]byte(head), data...), 0o600); err != nil {
		return fmt.Errorf("cannot write a tape: %w", err)
	}
	return nil
}
