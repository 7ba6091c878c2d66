// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	deadCalls  = 200
	hangups    = 5
	wideStream = 512
	// stalled is a gap between two pieces of a stream whose upstream sends ten a second.
	stalled   = time.Second
	firstRuns = 2000
)

// trials is how a gateway behaves where something is wrong, or much is asked of it at once.
type trials struct {
	wasted    int64         // calls that reached a dead primary, of 200
	cancelled int64         // upstreams that heard of a client who hung up, of 5
	alone     first         // one stream after the other
	crowded   first         // four at a time, more than the cores can bear
	broken    int           // of 512 streams at once, those that did not end whole
	gaps      int           // those of them that stood still for longer than a second
	longest   time.Duration // the longest gap in any
}

// A span is the median of some times, and the 99th of a hundred.
type span struct{ p50, p99 time.Duration }

// first is how long the first piece of a stream takes, from the upstream itself and through a gateway.
type first struct{ direct, through span }

// added is what the gateway adds to one of the slowest hundredth.
func (f first) added() time.Duration { return f.through.p99 - f.direct.p99 }

func spanOf(took []time.Duration) span {
	slices.Sort(took)
	return span{took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond)}
}

// try puts a gateway to every trial.
func try(ctx context.Context, g gateway, upstream string) (t trials, err error) {
	if t.alone, err = firstPieces(ctx, g, upstream, 1); err != nil {
		return t, fmt.Errorf("first pieces: %w", err)
	}
	if t.crowded, err = firstPieces(ctx, g, upstream, 4); err != nil {
		return t, fmt.Errorf("first pieces, four at once: %w", err)
	}
	if err := t.wide(ctx, g); err != nil {
		return t, fmt.Errorf("512 streams: %w", err)
	}
	before, _, err := counts(ctx, upstream)
	if err != nil {
		return t, err
	}
	c := client(1)
	defer c.CloseIdleConnections()
	for range deadCalls {
		if err := call(ctx, c, g.url+"/v1", g.headers("dead"), shape{model: "dead"}); err != nil {
			return t, fmt.Errorf("dead primary: %w", err)
		}
	}
	after, gone, err := counts(ctx, upstream)
	if err != nil {
		return t, err
	}
	t.wasted = after - before
	return t, t.hangUp(ctx, g, upstream, gone)
}

// counts are what the upstream saw.
func counts(ctx context.Context, upstream string) (dead, cancelled int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, upstream+"/counts", nil)
	if err != nil {
		return 0, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, err = fmt.Fscan(resp.Body, &dead, &cancelled)
	return dead, cancelled, err
}

// hangUp leaves five streams after their first piece, and gives the gateway two seconds to tell.
func (t *trials) hangUp(ctx context.Context, g gateway, upstream string, before int64) error {
	for range hangups {
		if err := leave(ctx, g); err != nil {
			return fmt.Errorf("hang-up: %w", err)
		}
	}
	patience, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	for t.cancelled < hangups && wait(patience, 20*time.Millisecond) {
		_, now, err := counts(ctx, upstream)
		if err != nil {
			return err
		}
		t.cancelled = now - before
	}
	return nil
}

func leave(ctx context.Context, g gateway) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := client(1)
	defer c.CloseIdleConnections()
	resp, err := open(ctx, c, g.url+"/v1", g.headers("endless"), shape{model: "endless", stream: true})
	if err != nil {
		return err
	}
	_, err = resp.Body.Read(make([]byte, 64))
	cancel()
	return errors.Join(err, resp.Body.Close())
}

// firstPieces measures how long the first piece of a stream takes over so many connections, from the
// upstream itself and through the gateway by turns, so that whatever else the machine does is in both.
func firstPieces(ctx context.Context, g gateway, upstream string, connections int) (f first, err error) {
	var mu sync.Mutex
	var took [2][]time.Duration
	group, ctx := errgroup.WithContext(ctx)
	c := client(connections)
	defer c.CloseIdleConnections()
	for range connections {
		group.Go(func() error {
			for range firstRuns / connections {
				for i, base := range []string{upstream, g.url} {
					span, err := firstPiece(ctx, c, base+"/v1", g.headers(""))
					if err != nil {
						return err
					}
					mu.Lock()
					took[i] = append(took[i], span)
					mu.Unlock()
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return f, err
	}
	return first{direct: spanOf(took[0]), through: spanOf(took[1])}, nil
}

func firstPiece(ctx context.Context, c *http.Client, base string, headers http.Header) (time.Duration, error) {
	began := time.Now()
	resp, err := open(ctx, c, base, headers, shape{stream: true})
	if err != nil {
		return 0, err
	}
	_, err = resp.Body.Read(make([]byte, 1))
	span := time.Since(began)
	_, rest := io.Copy(io.Discard, resp.Body)
	return span, errors.Join(err, rest, resp.Body.Close())
}

// wide opens 512 streams at once, each of ten pieces a second for three seconds.
func (t *trials) wide(ctx context.Context, g gateway) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c := client(wideStream)
	defer c.CloseIdleConnections()
	var mu sync.Mutex
	var group sync.WaitGroup
	for range wideStream {
		group.Go(func() {
			whole, longest := follow(ctx, c, g)
			mu.Lock()
			defer mu.Unlock()
			t.longest = max(t.longest, longest)
			if !whole {
				t.broken++
			}
			if longest > stalled {
				t.gaps++
			}
		})
	}
	group.Wait()
	return ctx.Err()
}

// follow reads one dripping stream to its end, and tells the longest time between two of its events.
func follow(ctx context.Context, c *http.Client, g gateway) (whole bool, longest time.Duration) {
	resp, err := open(ctx, c, g.url+"/v1", g.headers("drip"), shape{model: "drip", stream: true})
	if err != nil {
		return false, 0
	}
	defer func() { _ = resp.Body.Close() }()
	events, last, seen := bufio.NewScanner(resp.Body), time.Now(), 0
	for events.Scan() {
		line := events.Text()
		if !strings.HasPrefix(line, "data: ") {
			continue
		}
		if now := time.Now(); seen > 0 {
			longest, last = max(longest, now.Sub(last)), now
		} else {
			last = now
		}
		seen++
		whole = line == "data: [DONE]"
	}
	return whole && seen >= dripChunks, longest
}
