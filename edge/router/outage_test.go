// SPDX-License-Identifier: Apache-2.0

package router

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestExtensionsGoOnWhileTheHouseIsDown(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/ext/notes/", Unit: "notes.ui", Port: port, OwnOrigin: true})
	d.get(extURL+"/ext/notes/", "Cookie", asVisitor).seen(t)
	d.house.down()
	eventually(t, "the router notices", func() bool { return !d.Connected() })
	for range 20 {
		d.get(extURL+"/ext/notes/", "Cookie", asVisitor).seen(t)
	}
	if res := d.get(extURL+"/ext/notes/", "Cookie", "holdfast_extension_8445=never-seen"); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a session never confirmed: %d", res.StatusCode)
	}
	for _, target := range []string{hubURL + "/units", hubURL + "/auth/login", hubURL + "/api/v1/unit/list"} {
		res := d.get(target, "Accept", browser, "Cookie", asOperator)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") != "2" || !strings.Contains(res.body, `http-equiv="refresh"`) {
			t.Errorf("%s: %d %v", target, res.StatusCode, res.Header)
		}
	}
	res := d.send(d.request(http.MethodPost, hubURL+"/api/v1/unit/stop", "Accept", "application/json"))
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if res := d.send(d.request(http.MethodPost, hubURL+"/auth/link", "Accept", browser)); strings.Contains(res.body, "http-equiv=\"refresh\"") {
		t.Error("a page that was posted reloads")
	}
	d.house.up()
	d.house.settle(2)
	if e := d.get(hubURL+"/units", "Accept", browser, "Cookie", asOperator).seen(t); e.From != "house" {
		t.Error(e)
	}
	d.get(extURL+"/ext/notes/", "Cookie", asVisitor).seen(t)
}

func TestSessionsEndedDuringAnOutageAreNoticed(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true})
	d.get(extURL+"/ext/notes/", "Cookie", asVisitor).seen(t)
	d.house.down()
	d.house.forbid(AskExtension, "visitor")
	d.house.up()
	d.house.settle(2)
	eventually(t, "the answer of before is asked again", func() bool {
		return d.get(extURL+"/ext/notes/", "Cookie", asVisitor).StatusCode == http.StatusUnauthorized
	})
}

func TestRevocationIsPushedAndCutsStreams(t *testing.T) {
	d := newDoor(t)
	gone := make(chan struct{})
	var once sync.Once
	port := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		once.Do(func() { close(gone) })
	}))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true})
	res, err := http.DefaultTransport.RoundTrip(d.request(http.MethodGet, extURL+"/ext/notes/", "Cookie", asVisitor))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	d.house.forbid(AskExtension, "visitor")
	d.house.revoke("visitor")
	if _, err := res.Body.Read(make([]byte, 1)); err == nil {
		t.Error("the stream goes on")
	}
	select {
	case <-gone:
	case <-time.After(time.Minute):
		t.Error("the upstream was not told")
	}
	eventually(t, "the session is refused", func() bool {
		return d.get(extURL+"/ext/notes/", "Cookie", asVisitor).StatusCode == http.StatusUnauthorized
	})
}

func TestGreetsWithOpenSessions(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true})
	res, err := http.DefaultTransport.RoundTrip(d.request(http.MethodGet, extURL+"/ext/notes/", "Cookie", asVisitor))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	<-d.house.hellos
	d.house.down()
	d.house.up()
	select {
	case hello := <-d.house.hellos:
		if len(hello.Sessions) != 1 || hello.Sessions[0] != SessionID("visitor") || hello.Revision != 2 {
			t.Errorf("%+v", hello)
		}
	case <-time.After(time.Minute):
		t.Fatal("no hello")
	}
}

func TestUpstreamDown(t *testing.T) {
	d := newDoor(t)
	d.house.publish(
		Mount{Path: "/ext/notes/", Unit: "notes.ui", Port: deadPort(t), OwnOrigin: true},
		Mount{Path: "/ext/blocked/", Unit: "blocked.ui", OwnOrigin: true},
	)
	for _, path := range []string{"/ext/notes/", "/ext/blocked/"} {
		res := d.get(extURL+path, "Accept", browser, "Cookie", asVisitor)
		for _, want := range []string{"ui does not answer", "backing-off", "exited with 3", "last words", "&lt;script&gt;"} {
			if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(res.body, want) {
				t.Errorf("%d, %q is missing in %s", res.StatusCode, want, res.body)
			}
		}
		if strings.Contains(res.body, "<script") || !strings.HasPrefix(res.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Error("the log is not escaped")
		}
	}
	if res := d.get(extURL+"/ext/notes/", "Cookie", asVisitor); !strings.Contains(res.body, `"unit":{"name":"notes.ui"`) {
		t.Error(res.body)
	}
	// A key is no operator's session: nothing of the inside is shown.
	d.house.allow(AskKey, "sk-guest")
	res := d.get(extURL+"/ext/notes/", "Authorization", "Bearer sk-guest")
	if res.StatusCode != http.StatusServiceUnavailable || strings.Contains(res.body, "notes") || strings.Contains(res.body, "words") {
		t.Errorf("%d %s", res.StatusCode, res.body)
	}
}

// What is uploaded to whom nobody reaches is never read, and the connection is good for the next all the same.
func TestUploadsToWhatIsDown(t *testing.T) {
	d := newDoor(t)
	d.house.publish(Mount{Path: "/api/notes/", Unit: "notes", Port: deadPort(t)})
	d.post(t, "/api/notes/", http.StatusServiceUnavailable)
	d.house.down()
	eventually(t, "the router notices", func() bool { return !d.Connected() })
	d.post(t, "/api/v1/x", http.StatusServiceUnavailable)
}

// post sends bodies of several sizes with and without telling how long they are.
func (d *door) post(t *testing.T, path string, status int) {
	t.Helper()
	for _, size := range []int{10, 5000, 300_000} {
		for _, length := range []int64{int64(size), -1} {
			r := d.request(http.MethodPost, hubURL+path, "Cookie", asOperator)
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", size))), length
			if res := d.send(r); res.StatusCode != status {
				t.Errorf("%d of %d bytes to %s: %d %s", length, size, path, res.StatusCode, res.body)
			}
		}
	}
}

func deadPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func TestAsksOnceForMany(t *testing.T) {
	d := newDoor(t)
	port := upstream(t, echo("notes"))
	d.house.publish(Mount{Path: "/ext/notes/", Port: port, OwnOrigin: true})
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			if res := d.get(extURL+"/ext/notes/", "Cookie", asVisitor); res.StatusCode != http.StatusOK {
				t.Errorf("%d", res.StatusCode)
			}
		})
	}
	wait.Wait()
	if n := d.house.asked(AskExtension); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// clerk answers for the house in bubbles.
type clerk struct {
	ok   bool
	down bool
	n    int
}

func (c *clerk) ask(_ context.Context, q Ask) (Answer, error) {
	c.n++
	if c.down {
		return Answer{}, errors.New("down")
	}
	return Answer{OK: c.ok, Session: SessionID(q.Token)}, nil
}

func TestRemembersForSecondsAndHonoursForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clerk{ok: true}
		s := newSessions(c)
		expect := func(want verdict, asks int) {
			t.Helper()
			if _, v := s.check(t.Context(), AskSession, "x"); v != want || c.n != asks {
				t.Errorf("verdict %v after %d questions, want %v after %d", v, c.n, want, asks)
			}
		}
		expect(verdictValid, 1)
		<-time.After(freshFor - time.Millisecond)
		expect(verdictValid, 1)
		<-time.After(time.Millisecond)
		expect(verdictValid, 2)
		c.down = true
		<-time.After(freshFor)
		expect(verdictValid, 3)
		expect(verdictValid, 3) // a silent house is not asked again at once
		<-time.After(honouredFor - freshFor - time.Millisecond)
		expect(verdictValid, 4)
		<-time.After(time.Second)
		expect(verdictUnknown, 5)
		c.down, c.ok = false, false
		<-time.After(time.Second)
		expect(verdictInvalid, 6)
		expect(verdictInvalid, 6)
		<-time.After(refusedFor)
		c.ok = true
		expect(verdictValid, 7)
		s.revoke([]string{SessionID("x")})
		<-time.After(refusedFor)
		// An answer that was on its way when the session ended does not bring it back.
		expect(verdictInvalid, 8)
	})
}

func TestMadeUpCookiesDoNotPileUp(t *testing.T) {
	c := &clerk{}
	s := newSessions(c)
	c.ok = true
	s.check(t.Context(), AskSession, "true one")
	c.ok = false
	for i := range 3 * maxCached {
		s.check(t.Context(), AskSession, strings.Repeat("x", i%200)+string(rune('a'+i%26))+time.Duration(i).String())
	}
	if len(s.known) > maxCached {
		t.Errorf("%d answers are kept", len(s.known))
	}
	before := c.n
	if _, v := s.check(t.Context(), AskSession, "true one"); v != verdictValid || c.n != before {
		t.Error("the true session was pushed out")
	}
}
