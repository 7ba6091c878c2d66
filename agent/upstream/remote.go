// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// dial makes a session with a remote server.
func dial(ctx context.Context, needs *Needs, decl Declaration, with *calls) (*live, error) {
	w := &wire{broken: make(chan struct{})}
	client := &http.Client{Transport: w.transport(decl.Remote)}
	var over mcp.Transport = &mcp.StreamableClientTransport{Endpoint: decl.Remote.URL, HTTPClient: client}
	if decl.Remote.Legacy {
		over = &mcp.SSEClientTransport{Endpoint: decl.Remote.URL, HTTPClient: client}
	}
	started, err := connect(ctx, needs, w, over, "", with)
	if err != nil {
		w.end(func() {})
		return nil, fmt.Errorf("cannot connect to it: %w", w.explain(ctx, err))
	}
	return started, nil
}

// a wire is the connections to a remote server.
type wire struct {
	broken chan struct{}
	base   *http.Transport
	ending sync.Once
}

func (w *wire) transport(r *Remote) http.RoundTripper {
	w.base = http.DefaultTransport.(*http.Transport).Clone()
	return &dresser{remote: r, next: w.base}
}

func (w *wire) over() <-chan struct{} { return w.broken }

func (w *wire) pid() int { return 0 }

func (w *wire) end(session func()) {
	w.ending.Do(func() {
		session()
		w.base.CloseIdleConnections()
		close(w.broken)
	})
}

func (w *wire) reason() error { return fmt.Errorf("%w: the connection ended", errEnded) }

func (w *wire) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// a dresser puts a remote server's headers and key on each request.
type dresser struct {
	remote *Remote
	next   http.RoundTripper
}

func (d *dresser) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, value := range d.remote.Header {
		r.Header.Set(name, value)
	}
	if d.remote.Key != nil {
		if key, ok := d.remote.Key(); ok {
			r.Header.Set("Authorization", "Bearer "+key.Reveal())
		}
	}
	return d.next.RoundTrip(r)
}
