// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
)

const (
	maxRedirects = 3
	// headersWithin is how long a server may take to answer the request for its stream of notices.
	headersWithin = 10 * time.Second
	dialWithin    = 10 * time.Second
	// streamRetries is how often a broken stream is taken up again before the session counts as broken.
	streamRetries = 2
	// What is under way when the house ends a session has talkWithin to be said, and all of the end
	// leaveWithin: a server that hangs must not hold up the session that follows.
	talkWithin  = time.Second
	leaveWithin = 2 * time.Second
	// noticeWithin is how long the cancellations may take to be on the way; not every call has one.
	noticeWithin = 250 * time.Millisecond
)

// errLeft is why a call failed that was under way when the house ended the session.
var errLeft = errors.New("the house ended the session with it, for it was stopped, changed or did not answer any more")

// a dialer makes the sessions with a remote server, one after the other.
type dialer struct {
	needs  *Needs
	remote Remote
	calls  *calls
	hangs  bool // it did not answer in the newest protocol, but in the older
}

// olderVersion is the newest of the legacy era.
const olderVersion = "2025-11-25"

// dial makes a session: by streamable HTTP, or, where it is declared or all that the server answers,
// by the older HTTP+SSE. A server that lets the newest protocol go unanswered, instead of refusing it,
// is asked in the older for the second half of the time, and from then on at once.
func (d *dialer) dial(ctx context.Context) (*live, error) {
	if d.remote.Legacy || d.hangs {
		started, _, err := dialBy(ctx, d.needs, d.remote, olderVersion, d.calls)
		d.hangs = d.hangs && err == nil
		return started, err
	}
	trial, cancel := half(ctx)
	defer cancel()
	started, refused, err := dialBy(trial, d.needs, d.remote, "", d.calls)
	if err == nil {
		return started, nil
	}
	older := d.remote
	switch {
	case ctx.Err() != nil:
		return nil, told{fmt.Sprintf("cannot connect to it at %s: %v", place(d.remote.URL), context.Cause(ctx)), err}
	case trial.Err() == nil && !refused:
		return nil, err
	case refused:
		older.Legacy = true
	}
	second, _, again := dialBy(ctx, d.needs, older, olderVersion, d.calls)
	if again != nil {
		if ctx.Err() != nil {
			err = again
		}
		return nil, err
	}
	d.hangs = !refused
	return second, nil
}

// half is a context that is given half of the time there is.
func half(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	within := time.Until(deadline) / 2
	return context.WithTimeoutCause(ctx, within, fmt.Errorf("it did not answer within %s", within.Round(100*time.Millisecond)))
}

// place is the scheme and host of a URL.
func place(text string) string {
	at, err := url.Parse(text)
	if err != nil {
		return "its URL"
	}
	return at.Scheme + "://" + at.Host
}

// dialBy tells besides whether the server refused the very way of speaking.
func dialBy(ctx context.Context, needs *Needs, remote Remote, version string, with *calls) (started *live, refused bool, err error) {
	at, err := url.Parse(remote.URL)
	if err != nil || at.Host == "" || (at.Scheme != "http" && at.Scheme != "https") {
		return nil, false, fmt.Errorf("cannot use its URL %q: want http:// or https:// and a host", remote.URL)
	}
	w := newWire(needs, &remote, at, with)
	started, err = connect(ctx, needs, w, w.transport(), version, with)
	if err != nil {
		err = w.explain(ctx, err)
		w.end(true, func() {})
		return nil, w.refused(), fmt.Errorf("cannot connect to it at %s: %w", place(remote.URL), err)
	}
	return started, false, nil
}

// a wire is the connections to a remote server. It is also the way of each request: it dresses them,
// and lets none go anywhere but to the declared place.
type wire struct {
	needs   *Needs
	remote  *Remote
	at      *url.URL
	calls   *calls
	base    *http.Transport
	broken  chan struct{}
	under   atomic.Int64  // what is under way
	notices chan struct{} // what is said while the house leaves
	// What the house waits for ends first, then what it says, last what it hears and the farewell.
	stay, talk, life    context.Context
	leave, hush, cancel context.CancelFunc
	ending              sync.Once

	mu     sync.Mutex
	status int    // of the last answer to a POST that was a refusal
	said   string // why
	// refusals are the requests whose authorization is renewed.
	refusals map[jsonrpc.ID]bool
}

func newWire(needs *Needs, remote *Remote, at *url.URL, with *calls) *wire {
	w := &wire{needs: needs, remote: remote, at: at, calls: with, broken: make(chan struct{}), notices: make(chan struct{}, 64)}
	w.life, w.cancel = context.WithCancel(context.Background())
	w.talk, w.hush = context.WithCancel(w.life)
	stay, leave := context.WithCancelCause(w.talk)
	w.stay, w.leave = stay, func() { leave(errLeft) }
	w.base = &http.Transport{
		Proxy:       http.ProxyFromEnvironment,
		DialContext: (&net.Dialer{Timeout: dialWithin, KeepAlive: 30 * time.Second}).DialContext, TLSHandshakeTimeout: dialWithin,
		ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second, MaxResponseHeaderBytes: 64 << 10,
	}
	return w
}

func (w *wire) transport() mcp.Transport {
	client := &http.Client{Transport: w, CheckRedirect: func(r *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return fmt.Errorf("it redirected more than %d times", maxRedirects)
		}
		return nil // RoundTrip refuses another place
	}}
	if w.remote.Legacy {
		return lasting{&mcp.SSEClientTransport{Endpoint: w.endpoint(), HTTPClient: client, MaxEventSize: maxMessage}, w.life, w.cancel}
	}
	return &mcp.StreamableClientTransport{
		Endpoint: w.endpoint(), HTTPClient: client, MaxRetries: streamRetries, MaxEventSize: maxMessage, OAuthHandler: w.remote.Auth,
	}
}

// endpoint is the URL without its query, in which some servers want their key: RoundTrip puts it back,
// and so it stands in no error that the SDK makes of the URL.
func (w *wire) endpoint() string {
	bare := *w.at
	bare.RawQuery, bare.ForceQuery = "", false
	return bare.String()
}

// lasting connects a transport whose stream would else end with the context of the attempt.
type lasting struct {
	mcp.Transport
	life   context.Context
	cancel context.CancelFunc
}

func (l lasting) Connect(ctx context.Context) (mcp.Connection, error) {
	defer context.AfterFunc(ctx, l.cancel)()
	return l.Transport.Connect(l.life)
}

func (w *wire) over() <-chan struct{} { return w.broken }

func (w *wire) pid() int { return 0 }

// end gives up the calls under way, for the SDK's end of a session waits for them, and then ends the
// session, which tells the server. A session that broke ends its calls itself.
func (w *wire) end(broke bool, session func()) {
	w.ending.Do(func() {
		defer time.AfterFunc(talkWithin, w.hush).Stop()
		if !broke {
			underway := w.under.Load()
			w.leave()
			w.out(underway)
		}
		defer time.AfterFunc(leaveWithin, w.cancel).Stop()
		session()
		w.cancel()
		w.base.CloseIdleConnections()
		close(w.broken)
	})
}

// out waits until the calls have returned and their cancellations are on the way: the SDK ends the
// session under a lock that a call needs to return, and sends nothing after it.
func (w *wire) out(owed int64) {
	late := time.NewTimer(noticeWithin)
	defer late.Stop()
	for ; owed > 0; owed-- {
		select {
		case <-w.notices:
		case <-late.C:
			return
		}
	}
}

// left has what is under way, ours or the server's, end when the house leaves. What makes the session
// ends with its attempt, and the streams of notices with the session.
func (w *wire) left(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (mcp.Result, error) {
		switch method {
		case "initialize", "server/discover", "subscriptions/listen":
			return next(ctx, method, req)
		}
		w.under.Add(1)
		defer w.under.Add(-1)
		staying, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(w.stay, cancel)()
		result, err := next(staying, method, req)
		if err != nil && errors.Is(context.Cause(w.stay), errLeft) && ctx.Err() == nil { // not of a session that broke
			return nil, errLeft
		}
		return result, err
	}
}

func (w *wire) reason() error {
	if said := w.refusal(); said != "" {
		return fmt.Errorf("%w: %s", errEnded, said)
	}
	return fmt.Errorf("%w: the session broke off", errEnded)
}

func (w *wire) refusal() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said
}

func (w *wire) statusOf() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// fail keeps why a request was not made or came to nothing; the SDK may tell only that the session ended.
func (w *wire) fail(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.said = 0, why
}

// refused tells whether the server has nothing at its URL that streamable HTTP could speak with.
func (w *wire) refused() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status == http.StatusBadRequest || w.status == http.StatusNotFound || w.status == http.StatusMethodNotAllowed
}

// RoundTrip sends one request to the declared place, in its dress, and bounds what comes back.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if !w.own(r.URL) {
		elsewhere := fmt.Errorf("it points to another place, %s://%s, which was not added: add that URL if it is meant", r.URL.Scheme, r.URL.Host)
		if w.needs.Elsewhere != nil {
			w.needs.Elsewhere(r.URL.Scheme + "://" + r.URL.Host)
		}
		w.fail(elsewhere.Error())
		return nil, elsewhere
	}
	asker, asked, bound := r.Context(), w.posted(r), w.life
	taken := takenOf(asker)
	if r.Method == http.MethodPost {
		bound = w.talk
		taken.Store(true)
		if w.stay.Err() != nil {
			select {
			case w.notices <- struct{}{}:
			default:
			}
		}
	}
	ctx, cancel := context.WithCancel(asker)
	defer context.AfterFunc(bound, cancel)()
	r = r.Clone(ctx)
	if r.URL.RawQuery == "" && r.URL.Path == w.at.Path {
		r.URL.RawQuery = w.at.RawQuery
	}
	if err := w.dress(r); err != nil {
		cancel()
		w.fail(err.Error())
		return nil, err
	}
	notices := r.Method == http.MethodGet && r.Header.Get("Last-Event-ID") == "" && !w.remote.Legacy
	if r.Method == http.MethodGet {
		late := time.AfterFunc(headersWithin, cancel)
		defer late.Stop()
	}
	answer, err := w.base.RoundTrip(r)
	if notices && (err != nil || answer.StatusCode >= http.StatusInternalServerError) && asker.Err() == nil && w.life.Err() == nil {
		return w.unnoticed(r, answer, cancel), nil
	}
	if err != nil {
		cancel()
		if asker.Err() == nil && bound.Err() == nil {
			w.fail(unreached(w.at.Host, err))
		}
		return asked.lost(asker, err)
	}
	w.note(r, answer)
	if r.Method == http.MethodPost && answer.StatusCode == http.StatusNotFound {
		taken.Store(false)
	}
	if err := w.wanted(r, answer); err != nil {
		cancel()
		return nil, err
	}
	answer.Body = &stream{
		body: answer.Body, cancel: cancel, hear: w.calls.hear,
		events: strings.HasPrefix(answer.Header.Get("Content-Type"), "text/event-stream"),
		life:   context.AfterFunc(bound, cancel),
	}
	if asked != nil {
		return asked.guard(answer)
	}
	return answer, nil
}

type takenKey struct{}

// takenOf tells, while a call is under way, whether its server may have taken it. A server that refuses a
// request for a session that it has forgotten did not; others under way in that session it did.
func takenOf(ctx context.Context) *atomic.Bool {
	if taken, ok := ctx.Value(takenKey{}).(*atomic.Bool); ok {
		return taken
	}
	return new(atomic.Bool)
}

// own tells whether a URL is at the declared place: the same scheme, host and port.
func (w *wire) own(u *url.URL) bool {
	return u.Scheme == w.at.Scheme && strings.EqualFold(u.Host, w.at.Host)
}

// dress puts the declared headers and the key on a request. ${NAME} in a header is a key of .env.
func (w *wire) dress(r *http.Request) error {
	for name, value := range w.remote.Header {
		if key, ok := strings.CutPrefix(value, "${"); ok && strings.HasSuffix(key, "}") {
			secret, err := w.secret(strings.TrimSuffix(key, "}"))
			if err != nil {
				return err
			}
			value = secret.Reveal()
		}
		r.Header.Set(name, value)
	}
	if w.remote.Key != "" {
		secret, err := w.secret(w.remote.Key)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+secret.Reveal())
	}
	if w.remote.Legacy && w.remote.Auth != nil {
		return w.bear(r)
	}
	return nil
}

// bear puts on the token for the older transport, which the SDK does only for the newer.
func (w *wire) bear(r *http.Request) error {
	source, err := w.remote.Auth.TokenSource(r.Context())
	if err != nil || source == nil {
		return err
	}
	token, err := source.Token()
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token.AccessToken)
	return nil
}

// wanted tells the authorization of a refusal by the older transport, which the SDK does only for the newer.
func (w *wire) wanted(r *http.Request, answer *http.Response) error {
	refused := answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden
	if !w.remote.Legacy || w.remote.Auth == nil || !refused {
		return nil
	}
	err := w.remote.Auth.Authorize(r.Context(), r, answer)
	if err != nil {
		w.fail(err.Error())
	}
	return err
}

func (w *wire) secret(name string) (holdfast.Secret, error) {
	if w.needs.Secret != nil {
		if secret, ok := w.needs.Secret(name); ok && !secret.Empty() {
			return secret, nil
		}
	}
	return holdfast.Secret{}, fmt.Errorf("its key is not set: %s in .env", name)
}

// unnoticed answers the request for a stream of notices in the server's place, that there is none: a
// server that does not answer it must not keep the session from being made.
func (w *wire) unnoticed(r *http.Request, answer *http.Response, cancel func()) *http.Response {
	if answer != nil {
		_ = answer.Body.Close()
	}
	cancel()
	w.needs.Log.Debug("a remote server has no stream of notices", slog.String("url", w.at.Host))
	return &http.Response{
		StatusCode: http.StatusMethodNotAllowed, Status: "405 Method Not Allowed", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}
}

// note keeps why the server refused, for the SDK's error tells only the status.
func (w *wire) note(r *http.Request, answer *http.Response) {
	if r.Method != http.MethodPost && !w.remote.Legacy {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.status, w.said = 0, w.declined(answer)
	if answer.StatusCode >= http.StatusBadRequest {
		w.status = answer.StatusCode
	}
}

var errLarge = errors.New("it sent an answer of more than 16 MiB")
