// SPDX-License-Identifier: Apache-2.0

package router

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A visit is one request on its way: where it came in, where it goes, who makes it.
type visit struct {
	table  *compiled
	origin *origin
	mount  *Mount
	who    Answer
	// token is what the session check was made with, to ask about a unit that is down.
	token string
	// house marks a visit to the house itself; data one to an extension's service on the hub's origin.
	house bool
	data  bool
	// key marks a bearer key of the house, which the extension must not see.
	key bool
}

type visitKey struct{}

func visitOf(r *http.Request) *visit {
	v, _ := r.Context().Value(visitKey{}).(*visit)
	return v
}

// makeProxy builds the one reverse proxy for all visits. Answers of unknown length and event
// streams are flushed as they come, which net/http/httputil does by itself; only answers of a
// declared length gather in the buffer.
func (rt *Router) makeProxy() {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	base := http.Transport{
		DisableCompression: true, MaxIdleConns: 512, MaxIdleConnsPerHost: 64, IdleConnTimeout: 60 * time.Second,
		ResponseHeaderTimeout: silenceFor, MaxResponseHeaderBytes: 256 << 10,
	}
	rt.upstream = base.Clone()
	rt.upstream.DialContext = dialer.DialContext
	rt.house = base.Clone()
	rt.house.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
		t := rt.table.Load()
		if t == nil {
			return nil, errDown
		}
		return dialer.DialContext(ctx, "unix", t.House)
	}
	rt.proxy = &httputil.ReverseProxy{
		Transport:      transports{rt},
		Rewrite:        rewrite,
		ModifyResponse: dress,
		ErrorHandler:   rt.failed,
		BufferPool:     &buffers{},
		ErrorLog:       slogWriter(rt.log),
	}
}

// forward sends a visit on its way, and ends it when its session ends.
func (rt *Router) forward(w http.ResponseWriter, r *http.Request, v *visit) {
	// The answer brings its own.
	w.Header().Del("X-Content-Type-Options")
	ctx := context.WithValue(r.Context(), visitKey{}, v)
	if v.who.Session != "" {
		live, leave := rt.live.enter(ctx, v.who.Session)
		defer leave()
		ctx = live
	}
	rt.proxy.ServeHTTP(w, r.WithContext(ctx))
}

type transports struct{ rt *Router }

func (t transports) RoundTrip(r *http.Request) (*http.Response, error) {
	if visitOf(r).house {
		return t.rt.house.RoundTrip(r)
	}
	return t.rt.upstream.RoundTrip(r)
}

// rewrite aims a request. It runs after the hop-by-hop headers are gone, so that a Connection
// header of the client cannot take away what is set here.
func rewrite(p *httputil.ProxyRequest) {
	v := visitOf(p.In)
	out := p.Out
	out.URL.Scheme = "http"
	out.Host = p.In.Host
	setForwarded(out, p.In, v)
	if v.house {
		out.URL.Host = "house"
		return
	}
	out.URL.Host = "127.0.0.1:" + strconv.Itoa(v.mount.Port)
	stripCookies(out.Header)
	out.Header.Del("X-Csrf-Token")
	if v.key {
		out.Header.Del("Authorization")
	}
	out.Header.Set("X-Holdfast-User", v.who.User)
	out.Header.Set("X-Holdfast-Tier", v.who.Tier)
	if v.mount.StripPrefix {
		stripPrefix(out, v.mount.Path)
	}
}

// stripPrefix takes the mount's path away in both spellings of the URL's path.
func stripPrefix(out *http.Request, prefix string) {
	if raw := out.URL.RawPath; strings.HasPrefix(raw, prefix) {
		out.URL.RawPath = raw[len(prefix)-1:]
	} else {
		out.URL.RawPath = ""
	}
	if rest, ok := strings.CutPrefix(out.URL.Path, prefix); ok {
		out.URL.Path = "/" + rest
	} else {
		out.URL.Path = "/"
	}
}

func dress(answer *http.Response) error {
	v := visitOf(answer.Request)
	switch {
	case v.house:
		answer.Header.Del("Server")
		dressHouse(answer.Header, v.table)
	case v.data:
		dressService(answer.Header)
	default:
		dressExtension(answer.Header, v.table, answer.Request.Header.Get("Sec-Fetch-Dest"))
	}
	return nil
}

// failed answers when the upstream did not.
func (rt *Router) failed(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(context.Cause(r.Context()), errEnded) {
		refuse(w, r, trouble{Status: http.StatusUnauthorized, Code: "unknown-caller", Detail: "the session ended"})
		return
	}
	if r.Context().Err() != nil {
		return // nobody is there to read an answer
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		refuse(w, r, trouble{
			Status: http.StatusRequestEntityTooLarge,
			Detail: "the request body is larger than " + strconv.FormatInt(tooLarge.Limit, 10) + " bytes",
		})
		return
	}
	v := visitOf(r)
	if v.house {
		rt.log.Debug("the house did not answer", "path", r.URL.Path, "error", err)
		waiting(w, r)
		return
	}
	rt.log.Warn("an upstream did not answer", "unit", v.mount.Unit, "error", err)
	rt.unavailable(w, r, v)
}

// buffers lends the proxy its copy buffers.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if buf, ok := b.pool.Get().(*[]byte); ok {
		return *buf
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(buf []byte) { b.pool.Put(&buf) }

func slogWriter(l *slog.Logger) *log.Logger {
	return slog.NewLogLogger(l.Handler(), slog.LevelDebug)
}
