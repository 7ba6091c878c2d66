// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// an era is one way in which the protocol is spoken.
type era struct {
	name, version, path string
	meta                string
}

func eras() []era {
	return []era{
		{name: "2025-11-25", version: "2025-11-25", path: "/legacy"},
		{
			name: "2026-07-28", version: "2026-07-28", path: "/modern",
			meta: `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}`,
		},
	}
}

// client keeps its connections, as clients do.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}}
}

// a caller calls one tool, again and again.
type caller struct {
	client  *http.Client
	url     string
	session string
	era     era
	tool    string
	calls   atomic.Int64 // which number the calls, for those under way must differ
}

// open begins a session, where the era has any.
func (e era) open(ctx context.Context, url string) (*caller, error) {
	c := &caller{client: http.DefaultClient, url: url, era: e}
	if e.meta != "" {
		return c, nil
	}
	answer, err := c.post(ctx, "initialize",
		`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"`+e.version+`","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`)
	if err != nil {
		return nil, err
	}
	c.session = answer.header.Get("Mcp-Session-Id")
	_, err = c.post(ctx, "notifications/initialized", `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return c, err
}

type answer struct {
	header http.Header
	body   []byte
}

func (c *caller) post(ctx context.Context, method, body string) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	if method != "initialize" {
		r.Header.Set("Mcp-Protocol-Version", c.era.version)
	}
	if c.session != "" {
		r.Header.Set("Mcp-Session-Id", c.session)
	}
	if c.era.meta != "" {
		r.Header.Set("Mcp-Method", method)
		r.Header.Set("Mcp-Name", c.tool)
	}
	response, err := c.client.Do(r)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("%s is answered HTTP %d %s", method, response.StatusCode, text)
	}
	return answer{response.Header, text}, err
}

func (c *caller) call(ctx context.Context) error {
	got, err := c.post(ctx, "tools/call",
		`{"jsonrpc":"2.0","id":`+strconv.FormatInt(c.calls.Add(1)+1, 10)+`,"method":"tools/call","params":{"name":"`+c.tool+`","arguments":{"name":"you"}`+c.era.meta+`}}`)
	if err == nil && !bytes.Contains(got.body, []byte("hello you")) {
		err = fmt.Errorf("the call is answered %s", got.body)
	}
	return err
}

// latencies are in order.
type latencies []time.Duration

func (l latencies) at(percent int) float64 {
	return float64(l[min(len(l)*percent/100, len(l)-1)].Nanoseconds()) / 1000
}

// a round is one measurement of one subject.
type round struct {
	cpu        time.Duration
	one, eight latencies
}

func (r round) cost() float64 { return float64(r.cpu.Microseconds()) / float64(len(r.one)) }

// measure calls by one client, whose cost is counted, and then by eight at a time.
func measure(ctx context.Context, s *subject, e era, calls int) (round, error) {
	var r round
	c, err := e.open(ctx, s.at.url+s.path)
	if err != nil {
		return r, err
	}
	c.client, c.tool = client(), s.tool
	defer c.client.CloseIdleConnections()
	for range calls / 10 {
		if err := c.call(ctx); err != nil {
			return r, err
		}
	}
	before, err := s.at.cpu()
	if err != nil {
		return r, err
	}
	if r.one, err = c.many(ctx, calls); err != nil {
		return r, err
	}
	after, err := s.at.cpu()
	if err != nil {
		return r, err
	}
	r.cpu = after - before
	r.eight, err = c.together(ctx, calls)
	return r, err
}

func (c *caller) many(ctx context.Context, n int) (latencies, error) {
	took := make(latencies, 0, n)
	for range n {
		began := time.Now()
		if err := c.call(ctx); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took, nil
}

func (c *caller) together(ctx context.Context, calls int) (all latencies, err error) {
	const callers = 8
	var group sync.WaitGroup
	var mu sync.Mutex
	for range callers {
		group.Go(func() {
			took, failed := c.many(ctx, calls/callers)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if failed != nil {
				err = failed
			}
		})
	}
	group.Wait()
	slices.Sort(all)
	return all, err
}
