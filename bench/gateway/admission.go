// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
)

const (
	atOnce   = 64
	capCalls = 10
	// perCall is the limit of each call, and what the house expects of a model that it does not know.
	perCall = 1024
	// capTokens is room for ten calls with their prompts, and not for eleven without.
	capTokens = capCalls*perCall + perCall/2
)

// admission is how many of 64 calls at once are admitted where there is room for ten.
type admission struct {
	gateway, budget string
	calls           [4]int // by asked
}

// asked are the shapes of the calls; each asks for a model of its own, of which nothing is known yet.
func asked(budget string) [4]shape {
	of := [4]shape{{limit: perCall}, {limit: perCall, stream: true}, {unlimited: true}, {unlimited: true, stream: true}}
	for i := range of {
		of[i].model = fmt.Sprintf("slow/%s-%d", budget, i)
	}
	return of
}

// admissions asks a house of its own under two budgets, and a peer, which has none.
func admissions(ctx context.Context, peer, program, upstream string) ([]admission, error) {
	rows, err := holdfastAdmits(ctx, program, upstream)
	if err != nil || peer == "" {
		return rows, err
	}
	server, err := startGateway(ctx, peer, program, upstream, false)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	row := admission{gateway: peer, budget: "none"}
	for i, s := range asked("none") {
		if row.calls[i], err = flood(ctx, server.url+"/v1", server.headers("slow"), s); err != nil {
			return nil, err
		}
	}
	return append(rows, row), nil
}

func holdfastAdmits(ctx context.Context, program, upstream string) (rows []admission, err error) {
	h, undo, err := settle(program, upstream)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, undo()) }()
	server, err := h.up(ctx)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	var made struct{ Key string }
	out, err := h.does(ctx, "key", "create", "ten", "--json").Output()
	if err = errors.Join(err, json.Unmarshal(out, &made)); err != nil {
		return nil, fmt.Errorf("cannot make a key: %w", err)
	}
	headers := http.Header{"Authorization": {"Bearer " + made.Key}}
	for _, scope := range []string{"house", "key:ten"} {
		budget, _, _ := strings.Cut(scope, ":")
		row := admission{gateway: "holdfast", budget: budget}
		if err := h.does(ctx, "budget", "set", scope, "--tokens-per-month", strconv.Itoa(capTokens)).Run(); err != nil {
			return nil, fmt.Errorf("cannot set a budget: %w", err)
		}
		for i, s := range asked(budget) {
			if err := h.does(ctx, "budget", "reset", scope).Run(); err != nil {
				return nil, fmt.Errorf("cannot reset a budget: %w", err)
			}
			if row.calls[i], err = flood(ctx, server.url+"/v1", headers, s); err != nil {
				return nil, err
			}
		}
		if err := h.does(ctx, "budget", "remove", scope).Run(); err != nil {
			return nil, fmt.Errorf("cannot remove a budget: %w", err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// flood makes 64 calls at once, to an upstream that takes longer than all of them take to come, and
// counts those that are answered.
func flood(ctx context.Context, base string, headers http.Header, s shape) (admitted int, err error) {
	c := client(atOnce)
	defer c.CloseIdleConnections()
	var mu sync.Mutex
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			yes, failed := admits(ctx, c, base, headers, s)
			mu.Lock()
			defer mu.Unlock()
			err = errors.Join(err, failed)
			if yes {
				admitted++
			}
		})
	}
	group.Wait()
	return admitted, err
}

func admits(ctx context.Context, c *http.Client, base string, headers http.Header, s shape) (bool, error) {
	resp, err := open(ctx, c, base, headers, s)
	if err != nil {
		return false, err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	switch {
	case err != nil:
		return false, err
	case resp.StatusCode == http.StatusTooManyRequests:
		return false, nil
	case resp.StatusCode != http.StatusOK || s.stream && !strings.Contains(string(text), "[DONE]"):
		return false, fmt.Errorf("status %d: %.300s", resp.StatusCode, text)
	}
	return true, nil
}

func showAdmissions(rows []admission) {
	fmt.Printf("\n%d calls at once against a budget for %d: admitted\n\n", atOnce, capCalls)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "gateway\tbudget of\tmax_tokens, plain\tstreaming\tno max_tokens, plain\tstreaming")
	for _, r := range rows {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", r.gateway, r.budget, r.calls[0], r.calls[1], r.calls[2], r.calls[3])
	}
	_ = w.Flush()
}
