// SPDX-License-Identifier: Apache-2.0

// Package remote calls servers that answer model calls over HTTP: OpenAI, Anthropic, and the many that
// speak as they do.
//
// It is not for reading answers, retrying or choosing, which are the gateway's: a call goes out and the
// answer's head comes back. How servers differ stands in one table, Flavors, and nowhere else. It
// follows no redirect, sends nothing of the client but the body and the headers that the flavor names, and reads its key at each call, so that a new key counts at once. Callers: the
// gateway, which builds one a configured provider.
package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"holdfast"
	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/provider"
)

// Options say how to reach a server.
type Options struct {
	// URL is the base address to which a dialect's path is added.
	URL string
	// Flavor is one of Names; empty for what the address tells.
	Flavor string
	// Version is sent as api-version, which Azure wants with addresses that name a deployment.
	Version string
	// Speaks lists further dialects that the server is known to speak, such as responses on a new
	// vLLM; their paths are the usual ones.
	Speaks []string
	// Headers go out with every call.
	Headers map[string]string
	// Key gives the key; nil when the server wants none.
	Key func() (holdfast.Secret, error)
	// Connect bounds the making of a connection.
	Connect time.Duration
	// Transport replaces the network, for recorded exchanges.
	Transport http.RoundTripper
}

// A Client calls one server. It keeps connections until Close.
type Client struct {
	flavor    Flavor
	base      *url.URL
	blanks    map[string]*http.Request // what all calls in a dialect have in common
	speaks    []string
	headers   http.Header
	passed    []string
	deploys   bool // the model's name stands in the path
	version   string
	key       func() (holdfast.Secret, error)
	ready     atomic.Pointer[ready]
	transport http.RoundTripper
}

// New returns a client; no connection is made.
func New(opt Options) (*Client, error) {
	base, err := url.Parse(opt.URL)
	if err != nil {
		return nil, fmt.Errorf("cannot read the provider's url: %w", err)
	}
	if base.Path == "" {
		base.Path = "/" // else what is joined to it has no root
	}
	flavor, ok := find(opt.Flavor, base)
	if !ok {
		return nil, fmt.Errorf("cannot use flavor %q: want one of %s", opt.Flavor, strings.Join(Names(), ", "))
	}
	if flavor.Version != "" && !versioned.MatchString(base.Path) {
		base = base.JoinPath(flavor.Version)
	}
	c := &Client{
		flavor: flavor, base: base, blanks: map[string]*http.Request{}, headers: http.Header{}, version: opt.Version, key: opt.Key,
		passed: slices.Clone(flavor.Passed), transport: opt.Transport,
		deploys: flavor.Name == "azure" && !versioned.MatchString(base.Path) && !strings.Contains(base.Path, "/deployments/"),
	}
	for _, headers := range []map[string]string{flavor.Headers, opt.Headers} {
		for name, value := range headers {
			c.headers.Set(name, value)
		}
	}
	for name := range opt.Headers { // what the operator says, no client says otherwise
		c.passed = slices.DeleteFunc(c.passed, func(passed string) bool { return passed == http.CanonicalHeaderKey(name) })
	}
	for _, p := range paths(flavor, opt.Speaks) {
		if c.deploys && p.Dialect == provider.Responses {
			continue // only addresses that end in a version have them
		}
		c.speaks = append(c.speaks, p.Dialect)
		c.blanks[p.Dialect] = c.blank(p.Path)
	}
	if c.transport == nil {
		c.transport = network(opt.Connect)
	}
	return c, nil
}

var versioned = regexp.MustCompile(`/v\d+[a-z0-9]*/?$`)

// paths adds what the operator knows to what the flavor tells.
func paths(f Flavor, more []string) []Path {
	all := append([]Path(nil), f.Paths...)
	for _, name := range more {
		for _, p := range []Path{chat(), responses(), embeddings(), {provider.Messages, "messages"}, {provider.CountTokens, "messages/count_tokens"}} {
			if p.Dialect == name {
				all = append(all, p)
			}
		}
	}
	return all
}

func (c *Client) blank(path string) *http.Request {
	at := c.base.JoinPath(strings.Split(path, "/")...)
	if c.version != "" {
		at.RawQuery = url.Values{"api-version": {c.version}}.Encode()
	}
	return &http.Request{Method: http.MethodPost, URL: at, Host: at.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
}

func network(connect time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: connect,
		ForceAttemptHTTP2:   true,
		// A compressed answer could not be passed on byte for byte.
		DisableCompression:     true,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    512,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ReadBufferSize:         16 << 10,
		WriteBufferSize:        16 << 10,
	}
}

// Flavor is the name of the flavor in use.
func (c *Client) Flavor() string { return c.flavor.Name }

// Speaks lists the dialects of the server.
func (c *Client) Speaks() []string { return c.speaks }

// Form is how the server speaks chat completions.
func (c *Client) Form() openai.Form {
	return openai.Form{OldLimit: c.flavor.Limit == maxTokens, Thoughts: c.flavor.Thoughts, Signed: c.flavor.Name == "gemini"}
}

// Close gives up the idle connections.
func (c *Client) Close() {
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Models is empty: nobody is asked without need.
func (c *Client) Models() []string { return nil }

// Do sends one call. Its error wraps provider.ErrConnect when there was no connection or it broke
// before the head of the answer.
func (c *Client) Do(ctx context.Context, call provider.Call) (*provider.Answer, error) {
	req, err := c.request(ctx, call)
	if err != nil {
		return nil, err
	}
	resp, err := c.transport.RoundTrip(req) //nolint:bodyclose // the gateway closes the answer
	if err != nil {
		return nil, explain(ctx, err)
	}
	return &provider.Answer{Status: resp.StatusCode, Header: resp.Header, Body: resp.Body}, nil
}

func (c *Client) request(ctx context.Context, call provider.Call) (*http.Request, error) {
	blank := c.blanks[call.Dialect]
	if blank == nil {
		return nil, fmt.Errorf("cannot call %s: it does not speak %s", c.flavor.Name, call.Dialect)
	}
	if c.deploys {
		if call.Model == "" || strings.Trim(call.Model, ".") == "" {
			return nil, &dialect.InputError{Field: "model", Message: fmt.Sprintf("%q names no deployment", call.Model)}
		}
		blank = c.deployment(blank, call.Model)
	}
	body, err := c.flavor.fit(call)
	if err != nil {
		return nil, err
	}
	header, err := c.header(call)
	if err != nil {
		return nil, err
	}
	req := blank.WithContext(ctx)
	req.Header = header
	req.ContentLength = int64(len(body))
	req.Body = io.NopCloser(bytes.NewReader(body))
	// An idle connection that the server just closed is replaced without a word.
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return req, nil
}

// ready are the headers of calls with one key, made once; they are never changed.
type ready struct {
	key           string
	plain, stream http.Header
}

// header is what goes out: the house's, the flavor's, the operator's, and of the client what is named.
func (c *Client) header(call provider.Call) (http.Header, error) {
	key := ""
	if c.key != nil {
		secret, err := c.key()
		if err != nil {
			return nil, err
		}
		key = secret.Reveal()
	}
	made := c.ready.Load()
	if made == nil || made.key != key {
		made = &ready{key, c.outgoing(key, "application/json"), c.outgoing(key, "text/event-stream")}
		c.ready.Store(made)
	}
	header := made.plain
	if call.Stream {
		header = made.stream
	}
	own := false
	for _, name := range c.passed {
		values := call.Client[name]
		if len(values) == 0 {
			continue
		}
		if !own {
			header, own = maps.Clone(header), true
		}
		header[name] = values
	}
	if call.TraceParent != "" {
		if !own {
			header = maps.Clone(header)
		}
		header["Traceparent"] = []string{call.TraceParent}
		if call.TraceState != "" {
			header["Tracestate"] = []string{call.TraceState}
		}
	}
	return header, nil
}

func (c *Client) outgoing(key, accept string) http.Header {
	header := c.headers.Clone()
	header["Content-Type"] = []string{"application/json"}
	header["Accept"] = []string{accept}
	if header["User-Agent"] == nil {
		header["User-Agent"] = []string{"holdfast"}
	}
	switch {
	case c.key == nil:
	case c.flavor.Auth == "":
		header["Authorization"] = []string{"Bearer " + key}
	default:
		header[c.flavor.Auth] = []string{key}
	}
	return header
}

// deployment puts the model's name into an address of Azure's dated form.
func (c *Client) deployment(blank *http.Request, model string) *http.Request {
	rest := strings.TrimPrefix(blank.URL.Path, strings.TrimSuffix(c.base.Path, "/"))
	at := c.base.JoinPath("openai", "deployments", url.PathEscape(model), rest)
	if strings.HasSuffix(strings.TrimSuffix(c.base.Path, "/"), "/openai") {
		at = c.base.JoinPath("deployments", url.PathEscape(model), rest)
	}
	at.RawQuery = blank.URL.RawQuery
	req := *blank
	req.URL = at
	return &req
}

// explain keeps addresses and whole URLs out of what a client may be shown.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("%w: no address for %s", provider.ErrConnect, dns.Name)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if op.Timeout() && op.Op == "dial" {
			return fmt.Errorf("%w: no connection in time", provider.ErrConnect)
		}
		text := op.Err.Error()
		return fmt.Errorf("%w: %s", provider.ErrConnect, strings.TrimPrefix(text, "connect: "))
	}
	return fmt.Errorf("%w: %w", provider.ErrConnect, err)
}
