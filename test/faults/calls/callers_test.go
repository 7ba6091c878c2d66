// SPDX-License-Identifier: Apache-2.0

//go:build linux

package calls

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// callers make calls until they are told to stop; each refusal makes a caller wait a little.
type callers struct {
	stop func()
	wait func()
}

// load has so many callers for each key call the house.
func (h *house) load(a *accounts, round string, each int) callers {
	ctx, cancel := context.WithCancel(h.t.Context())
	transport := &http.Transport{MaxIdleConnsPerHost: each * len(h.keys), DisableCompression: true}
	client := &http.Client{Transport: transport}
	var group sync.WaitGroup
	for key, bearer := range h.keys {
		for worker := range each {
			group.Go(func() {
				for i := worker; ctx.Err() == nil; i++ {
					name := fmt.Sprintf("%s-%s-%d-%d", round, key, worker, i)
					if !h.call(client, a, bearer, name, i) {
						<-time.After(5 * time.Millisecond)
					}
				}
			})
		}
	}
	return callers{stop: cancel, wait: func() {
		group.Wait()
		transport.CloseIdleConnections()
	}}
}

// call makes one call, of a shape that its number tells, and puts it into the accounts. It is true
// when the call was answered whole.
func (h *house) call(client *http.Client, a *accounts, bearer, name string, shape int) bool {
	limit, streams := fmt.Sprintf(`,"max_tokens":%d`, most), shape%2 == 1
	if shape%5 == 4 {
		limit = ""
	}
	body := fmt.Sprintf(`{"model":"chat","stream":%t,"messages":[{"role":"user","content":%q}]%s}`, streams, name, limit)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+h.api+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	req.Header.Set("Authorization", "Bearer "+bearer)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Holdfast-Session", name)
	resp, err := client.Do(req)
	if err != nil {
		a.note(name, 0, false, err)
		return false
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	whole := err == nil && resp.StatusCode == http.StatusOK
	if streams {
		whole = whole && bytes.HasSuffix(text, []byte("data: [DONE]\n\n"))
	}
	if resp.StatusCode != http.StatusOK {
		a.read(name, resp.StatusCode, text)
	}
	a.note(name, resp.StatusCode, whole, err)
	return whole
}

// read reads a refusal as a client does.
func (a *accounts) read(name string, status int, text []byte) {
	var said struct {
		Error struct{ Message, Type, Code string }
	}
	err := json.Unmarshal(text, &said)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.codes[fmt.Sprint(status, " ", said.Error.Code)]++
	if err != nil || said.Error.Message == "" || said.Error.Type == "" {
		a.strange = append(a.strange, fmt.Sprintf("%s: status %d with %.200q", name, status, text))
	}
}

// note puts the end of a call into the accounts.
func (a *accounts) note(name string, status int, whole bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case whole:
		a.complete[name] = a.answers[name]
	case err != nil || status == http.StatusOK:
		a.broken++
	case slices.Contains([]int{http.StatusPaymentRequired, http.StatusTooManyRequests, http.StatusServiceUnavailable}, status):
		a.refused[name] = status
	default:
		a.strange = append(a.strange, fmt.Sprintf("%s: status %d", name, status))
	}
}

// of counts the refusals with a status.
func (a *accounts) of(status int) (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.refused {
		if s == status {
			n++
		}
	}
	return n
}

// whole counts the calls that were answered whole.
func (a *accounts) whole() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.complete)
}
