// SPDX-License-Identifier: Apache-2.0

// Package router is the handler of the front door: it sends each request to the house or to an
// extension by a table that the house streams to it, and it knows who is logged in by asking.
//
// It is not for TLS, hosts or compression (Caddy around it), nor for judging sessions (edge/auth
// in the house). It holds no secret and keeps nothing on disk. A change of the table takes effect
// for the next request and touches no open one; while the house is down the last table goes on
// and sessions confirmed less than a minute ago still open extensions, never the house.
//
// cmd/holdfast-edge runs it inside Caddy; the house's side of the socket is package edge. It
// imports the standard library alone.
package router

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"sync/atomic"
	"time"
)

// The limits and patience of the door, when Options leave them open.
const (
	defaultBody   = 100 << 20
	askPatience   = 2 * time.Second
	freshFor      = 5 * time.Second
	refusedFor    = time.Second
	honouredFor   = time.Minute
	silenceFor    = 15 * time.Minute
	reservedPaths = "/_holdfast/"
)

// Options say where the house is and how much a request may bring.
type Options struct {
	// Socket is the Unix socket of the house that streams the table and answers questions.
	Socket string
	// BodyLimit is the greatest request body in bytes; 0 means 100 MiB.
	BodyLimit int64
	// Log hears of reconnects and of upstreams that fail; nil is silent.
	Log *slog.Logger
}

// A Router is the handler. Run must run beside it.
type Router struct {
	table    atomic.Pointer[compiled]
	link     *link
	sessions *sessions
	live     *live
	proxy    *httputil.ReverseProxy
	upstream *http.Transport
	house    *http.Transport
	limit    int64
	log      *slog.Logger
}

// New makes a router without a table: it answers 503 until the house has sent one.
func New(opt Options) *Router {
	if opt.BodyLimit <= 0 {
		opt.BodyLimit = defaultBody
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	rt := &Router{limit: opt.BodyLimit, log: opt.Log, live: newLive()}
	rt.link = newLink(opt.Socket, rt, opt.Log)
	rt.sessions = newSessions(rt.link)
	rt.makeProxy()
	return rt
}

// Run follows the house until ctx ends, and closes what stood open to it.
func (rt *Router) Run(ctx context.Context) {
	rt.link.run(ctx)
	rt.upstream.CloseIdleConnections()
	rt.house.CloseIdleConnections()
}

// Revision is the table's number, 0 while there is none.
func (rt *Router) Revision() uint64 {
	if t := rt.table.Load(); t != nil {
		return t.Revision
	}
	return 0
}

// Connected tells whether the house is at the other end of the socket.
func (rt *Router) Connected() bool { return rt.link.connected() }

// connected is called by the link when the house is back: what was revoked meanwhile is unknown.
func (rt *Router) greeting() []string {
	rt.sessions.doubt()
	return rt.live.sessions()
}

// apply takes a table over; one that does not compile leaves the old one serving.
func (rt *Router) apply(t Table) error {
	c, err := compile(t)
	if err != nil {
		return err
	}
	rt.table.Store(c)
	return nil
}

func (rt *Router) revoke(sessions []string) {
	rt.sessions.revoke(sessions)
	rt.live.end(sessions)
}

// ServeHTTP answers one request of the outside.
func (rt *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dropForged(r.Header)
	own := w.Header()
	own.Del("Server")
	own.Set("X-Content-Type-Options", "nosniff")
	t := rt.table.Load()
	if t == nil {
		waiting(w, r)
		return
	}
	at := t.origin(r.Host)
	switch {
	case at == nil:
		misdirected(w, r, t)
	case !plainPath(r):
		refuse(w, r, trouble{Status: http.StatusBadRequest, Detail: "the path holds . or .. segments, a backslash, an encoded slash in its first parts, or begins with two slashes"})
	case rt.tooLarge(w, r):
	default:
		rt.serve(w, r, visit{table: t, origin: at, mount: t.match(r.URL.Path)})
	}
}

// serve chooses what answers, by origin and mount.
func (rt *Router) serve(w http.ResponseWriter, r *http.Request, v visit) {
	if v.origin.tls {
		w.Header().Set("Strict-Transport-Security", "max-age=31536000")
	}
	hub := v.origin == &v.table.hub
	switch {
	case own(r.URL.Path):
		rt.serveOwn(w, r, v)
	case hub && v.mount == nil:
		rt.serveHouse(w, r, v)
	case v.mount != nil && v.mount.bare(r.URL.Path):
		redirect(w, r, http.StatusPermanentRedirect, withQuery(v.mount.Path, r.URL.RawQuery))
	case hub && v.mount.OwnOrigin:
		rt.handOver(w, r, v)
	case hub:
		rt.serveService(w, r, v)
	case v.mount == nil:
		nothingHere(w, r, v)
	default:
		rt.serveExtension(w, r, v)
	}
}

// tooLarge bounds the request body, and answers when its declared length is over the bound. A bounded body
// also remembers that it ended, which no answer is whole without (TestAnAnswerThatBeginsAtOnceIsWhole).
func (rt *Router) tooLarge(w http.ResponseWriter, r *http.Request) bool {
	if r.ContentLength > rt.limit {
		refuse(w, r, trouble{Status: http.StatusRequestEntityTooLarge, Detail: "the request body is larger than this door takes"})
		return true
	}
	if r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody {
		r.Body = http.MaxBytesReader(w, r.Body, rt.limit)
	}
	return false
}

func misdirected(w http.ResponseWriter, r *http.Request, t *compiled) {
	refuse(w, r, trouble{
		Status: http.StatusMisdirectedRequest,
		Detail: "this door answers to " + t.hub.URL + " and " + t.extensions.URL + " only; a tunnel must keep their ports",
	})
}

func nothingHere(w http.ResponseWriter, r *http.Request, v visit) {
	if r.URL.Path == "/" && navigation(r) {
		redirect(w, r, http.StatusFound, v.table.hub.URL+"/")
		return
	}
	refuse(w, r, trouble{Status: http.StatusNotFound, Detail: "no extension is mounted here"})
}
