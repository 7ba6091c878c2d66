// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// A shape is the kind of request that is made.
type shape struct {
	model     string
	stream    bool
	unlimited bool // without max_tokens
	limit     int  // max_tokens, 64 when 0
}

func (s shape) body() []byte {
	limit, model := fmt.Sprintf(`,"max_tokens":%d`, cmp.Or(s.limit, 64)), s.model
	if s.unlimited {
		limit = ""
	}
	if model == "" {
		model = "chat"
	}
	if s.stream {
		return []byte(`{"model":"` + model + `","stream":true,"messages":[{"role":"user","content":"Say something short about lighthouses, please."}]` + limit + `}`)
	}
	return []byte(`{"model":"` + model + `","messages":[{"role":"system","content":"You are a helpful assistant."},` +
		`{"role":"user","content":"Say something short about lighthouses, please."}]` + limit + `}`)
}

func client(connections int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true}}
}

// open sends one request and returns once the answer's head is there.
func open(ctx context.Context, c *http.Client, base string, headers http.Header, s shape) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/chat/completions", bytes.NewReader(s.body()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer sk-bench")
	for name, values := range headers {
		req.Header[name] = values
	}
	return c.Do(req)
}

// call makes one request and reads its answer to the end.
func call(ctx context.Context, c *http.Client, base string, headers http.Header, s shape) error {
	resp, err := open(ctx, c, base, headers, s)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || s.stream && !bytes.Contains(answer, []byte("[DONE]")) {
		return fmt.Errorf("status %d: %.300s", resp.StatusCode, answer)
	}
	return nil
}

// load makes n calls over so many connections.
func load(ctx context.Context, base string, headers http.Header, n, connections int, s shape) error {
	c := client(connections)
	defer c.CloseIdleConnections()
	group, ctx := errgroup.WithContext(ctx)
	var made atomic.Int64
	for range connections {
		group.Go(func() error {
			for made.Add(1) <= int64(n) {
				if err := call(ctx, c, base, headers, s); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// latencies are the medians of n calls one after the other, to the upstream itself and through a
// gateway by turns, so that whatever else the machine does is in both.
func latencies(ctx context.Context, upstream, base string, headers http.Header, n int) (direct, through time.Duration, err error) {
	c := client(1)
	defer c.CloseIdleConnections()
	var took [2][]time.Duration
	for range n {
		for i, to := range []string{upstream, base} {
			began := time.Now()
			if err := call(ctx, c, to, headers, shape{}); err != nil {
				return 0, 0, err
			}
			took[i] = append(took[i], time.Since(began))
		}
	}
	slices.Sort(took[0])
	slices.Sort(took[1])
	return took[0][n/2], took[1][n/2], nil
}
