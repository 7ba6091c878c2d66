// SPDX-License-Identifier: Apache-2.0

package router

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chatty is an upstream that echoes lines over an upgraded connection, streams numbered events,
// and answers plain requests.
func chatty(name string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, name) })
	mux.HandleFunc("/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(w, "data: %d\n\n", i); err != nil {
				return
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(conn, rw)
	})
	return mux
}

// traffic counts what went through open streams while routes changed.
type traffic struct {
	sockets, events, plain atomic.Int64
}

// talk keeps one upgraded connection busy until stop; every line must come back.
func (c *traffic) talk(t *testing.T, d *door, stop <-chan struct{}) {
	res, err := http.DefaultTransport.RoundTrip(d.request(http.MethodGet, extURL+"/ext/busy/socket", "Cookie", asVisitor, "Connection", "Upgrade", "Upgrade", "websocket"))
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("no upgrade: %v %v", res, err)
		return
	}
	stream := res.Body.(io.ReadWriteCloser)
	defer func() { _ = stream.Close() }()
	lines := bufio.NewReader(stream)
	for i := 0; ; i++ {
		want := strconv.Itoa(i) + "\n"
		if _, err := io.WriteString(stream, want); err != nil {
			t.Errorf("socket cut at line %d: %v", i, err)
			return
		}
		if got, err := lines.ReadString('\n'); err != nil || got != want {
			t.Errorf("socket cut at line %d: %q %v", i, got, err)
			return
		}
		c.sockets.Add(1)
		select {
		case <-stop:
			return
		default:
		}
	}
}

// listen follows one event stream until stop; no event may be missing.
func (c *traffic) listen(t *testing.T, d *door, stop <-chan struct{}) {
	res, err := http.DefaultTransport.RoundTrip(d.request(http.MethodGet, extURL+"/ext/busy/events", "Cookie", asVisitor))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("no stream: %v %v", res, err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewReader(res.Body)
	for i := 0; ; i++ {
		got, err := lines.ReadString('\n')
		if want := fmt.Sprintf("data: %d\n", i); err != nil || got != want {
			t.Errorf("stream cut at event %d: %q %v", i, got, err)
			return
		}
		if _, err := lines.ReadString('\n'); err != nil {
			t.Errorf("stream cut at event %d: %v", i, err)
			return
		}
		c.events.Add(1)
		select {
		case <-stop:
			return
		default:
		}
	}
}

func (c *traffic) fetch(t *testing.T, d *door, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		res := d.get(extURL+"/ext/busy/plain", "Cookie", asVisitor)
		if res.StatusCode != http.StatusOK || (res.body != "a" && res.body != "b") {
			t.Errorf("plain request dropped: %d %s", res.StatusCode, res.body)
			return
		}
		c.plain.Add(1)
	}
}

// TestRouteChangesDropNothing changes the table a thousand times, the busy mount's own port
// included, under open sockets and streams that carry traffic.
func TestRouteChangesDropNothing(t *testing.T) {
	const changes = 1000
	d := newDoor(t)
	ports := []int{upstream(t, chatty("a")), upstream(t, chatty("b"))}
	busy := Mount{Path: "/ext/busy/", Unit: "busy.ui", Port: ports[0], OwnOrigin: true, StripPrefix: true}
	d.house.publish(busy)
	var c traffic
	var wait sync.WaitGroup
	stop := make(chan struct{})
	for range 10 {
		wait.Go(func() { c.talk(t, d, stop) })
		wait.Go(func() { c.listen(t, d, stop) })
	}
	for range 4 {
		wait.Go(func() { c.fetch(t, d, stop) })
	}
	eventually(t, "traffic flows", func() bool { return c.sockets.Load() > 100 && c.events.Load() > 100 && c.plain.Load() > 100 })
	s0, e0, p0 := c.sockets.Load(), c.events.Load(), c.plain.Load()
	for i := range changes {
		busy.Port = ports[i%2]
		mounts := []Mount{busy}
		for j := range i % 50 {
			mounts = append(mounts, Mount{Path: fmt.Sprintf("/ext/other%d/", j), Port: 1 + i, OwnOrigin: true})
		}
		d.house.publish(mounts...)
	}
	s1, e1, p1 := c.sockets.Load(), c.events.Load(), c.plain.Load()
	close(stop)
	wait.Wait()
	t.Logf("%d route changes: %d lines over sockets, %d events, %d plain requests, none dropped", changes, s1-s0, e1-e0, p1-p0)
	if s1 == s0 || e1 == e0 || p1 == p0 {
		t.Error("no traffic flowed while routes changed")
	}
}

func BenchmarkMatch(b *testing.B) {
	table := Table{House: "h", Hub: Origin{URL: hubURL, Cookie: "a"}, Extensions: Origin{URL: extURL, Cookie: "b"}}
	for i := range 500 {
		table.Mounts = append(table.Mounts, Mount{Path: fmt.Sprintf("/ext/n%d/", i), Port: 1})
	}
	c, err := compile(table)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if c.match("/ext/n250/a/b/c.js") == nil {
			b.Fatal("no match")
		}
	}
}

func BenchmarkApply500(b *testing.B) {
	table := Table{House: "h", Hub: Origin{URL: hubURL, Cookie: "a"}, Extensions: Origin{URL: extURL, Cookie: "b"}}
	for i := range 500 {
		table.Mounts = append(table.Mounts, Mount{Path: fmt.Sprintf("/ext/n%d/", i), Port: 1})
	}
	rt := New(Options{Socket: "none"})
	for b.Loop() {
		if err := rt.apply(table); err != nil {
			b.Fatal(err)
		}
	}
}
