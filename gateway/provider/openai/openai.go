// SPDX-License-Identifier: Apache-2.0

// Package openai calls any server that speaks OpenAI's chat completions over HTTP.
//
// It is not for reading answers, retrying or choosing, which are the gateway's: a call goes out
// as it is and the answer's head comes back. It follows no redirect, sends nothing of the client
// but the body, and reads its key at each call, so that a new key counts at once. Callers: the
// gateway, which builds one a configured provider.
package openai

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"holdfast"
	"holdfast/gateway/provider"
)

// Options say how to reach a server.
type Options struct {
	// URL is the base to which /chat/completions is added.
	URL string
	// Key gives the bearer key; nil when the server wants none.
	Key func() (holdfast.Secret, error)
	// Connect bounds the making of a connection.
	Connect time.Duration
}

// A Client calls one server. It keeps connections until Close.
type Client struct {
	blank     *http.Request // what all calls have in common
	key       func() (holdfast.Secret, error)
	transport *http.Transport
}

// New returns a client; no connection is made.
func New(opt Options) (*Client, error) {
	base, err := url.Parse(opt.URL)
	if err != nil {
		return nil, fmt.Errorf("cannot read the provider's url: %w", err)
	}
	chat := base.JoinPath("chat", "completions")
	dialer := &net.Dialer{Timeout: opt.Connect, KeepAlive: 30 * time.Second}
	return &Client{
		blank: &http.Request{Method: http.MethodPost, URL: chat, Host: chat.Host, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1},
		key:   opt.Key,
		transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: opt.Connect,
			ForceAttemptHTTP2:   true,
			// A compressed answer could not be passed on byte for byte.
			DisableCompression:     true,
			MaxIdleConns:           1024,
			MaxIdleConnsPerHost:    512,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			ReadBufferSize:         16 << 10,
			WriteBufferSize:        16 << 10,
		},
	}, nil
}

// Close gives up the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Models is empty: nobody is asked without need.
func (c *Client) Models() []string { return nil }

// Chat sends one call. Its error wraps provider.ErrConnect when there was no connection or it
// broke before the head of the answer.
func (c *Client) Chat(ctx context.Context, call provider.Call) (*provider.Answer, error) {
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
	accept := "application/json"
	if call.Stream {
		accept = "text/event-stream"
	}
	header := http.Header{
		"Content-Type": {"application/json"},
		"Accept":       {accept},
		"User-Agent":   {"holdfast"},
	}
	if c.key != nil {
		key, err := c.key()
		if err != nil {
			return nil, err
		}
		header["Authorization"] = []string{"Bearer " + key.Reveal()}
	}
	body := call.Body
	req := c.blank.WithContext(ctx)
	req.Header = header
	req.ContentLength = int64(len(body))
	req.Body = io.NopCloser(bytes.NewReader(body))
	// An idle connection that the server just closed is replaced without a word.
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return req, nil
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
