// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"holdfast/core/internet"
)

const (
	documentWithin = 5 * time.Second
	mostDocument   = 10 << 10
	mostHeader     = 16 << 10
	// mostFetching bounds the documents on their way at a time.
	mostFetching = 4
	mostCached   = 200

	keepDefault = 10 * time.Minute
	keepMost    = 24 * time.Hour
)

// documents fetches client metadata documents: from public addresses only, resolved once and dialled
// at the address that was judged, without redirects, within bounds of size and time.
type documents struct {
	now     func() time.Time
	resolve func(ctx context.Context, host string) ([]netip.Addr, error)
	private func() []string
	client  *http.Client
	within  time.Duration // for a whole document
	fetches chan struct{}

	mu     sync.Mutex
	cached map[string]cached
}

type cached struct {
	client client
	until  time.Time
}

func newDocuments(needs Needs, private func() []string) *documents {
	d := &documents{
		now: needs.Now, resolve: needs.Resolve, private: private, within: documentWithin,
		fetches: make(chan struct{}, mostFetching), cached: map[string]cached{},
	}
	if d.resolve == nil {
		d.resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	d.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: d.dial, DisableKeepAlives: true, MaxResponseHeaderBytes: mostHeader, TLSHandshakeTimeout: documentWithin,
			TLSClientConfig: &tls.Config{RootCAs: needs.Roots, MinVersion: tls.VersionTLS12},
		},
	}
	return d
}

// dial connects to the one address that a name has just been judged by.
func (d *documents) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	found, err := d.resolve(ctx, host)
	if err != nil || len(found) == 0 {
		return nil, fmt.Errorf("the host %s is not known", host)
	}
	if !slices.Contains(d.private(), strings.ToLower(address)) {
		for _, ip := range found {
			if !internet.Public(ip) {
				return nil, fmt.Errorf("the host %s is not at a public address; oauth.private_clients may allow it", host)
			}
		}
	}
	var failed error
	for _, ip := range found[:min(len(found), 4)] {
		conn, err := new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}

// isDocument tells whether a client id is the address of a document.
func isDocument(id string) bool { return strings.Contains(id, "://") }

// checkDocument refuses addresses that may not be a client id.
func checkDocument(id string) error {
	u, err := plainURI(id)
	if err != nil {
		return err
	}
	_, notIP := netip.ParseAddr(u.Hostname())
	switch {
	case u.Scheme != "https":
		return errors.New("want https")
	case u.Path == "" || u.Path == "/":
		return errors.New("it has no path")
	case notIP == nil:
		return errors.New("want a host by its name")
	case u.RawQuery != "":
		return errors.New("it has a query")
	}
	for part := range strings.SplitSeq(u.EscapedPath(), "/") {
		if plain, err := url.PathUnescape(part); err != nil || plain == "." || plain == ".." {
			return errors.New("its path has dots for folders")
		}
	}
	return nil
}

// get gives the client of a document, from the cache while that is fresh.
func (d *documents) get(ctx context.Context, id string) (client, error) {
	if err := checkDocument(id); err != nil {
		return client{}, refused("invalid_client", "the client id %s is no address of a client metadata document: %v", clip(id, 100), err)
	}
	d.mu.Lock()
	have, ok := d.cached[id]
	d.mu.Unlock()
	if ok && d.now().Before(have.until) && d.now().After(have.client.Created.Add(-time.Minute)) {
		return have.client, nil
	}
	select {
	case d.fetches <- struct{}{}:
		defer func() { <-d.fetches }()
	default:
		return client{}, refused("temporarily_unavailable", "too many client metadata documents are being fetched; try again")
	}
	c, keep, err := d.fetch(ctx, id)
	if err != nil {
		return client{}, refused("invalid_client", "cannot use the client metadata document %s: %v", clip(id, 100), err)
	}
	if keep > 0 {
		d.keep(id, cached{client: c, until: d.now().Add(keep)})
	}
	return c, nil
}

// keep remembers a document; when there are too many, those are forgotten that are over, and else all.
func (d *documents) keep(id string, c cached) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.cached) >= mostCached {
		now := d.now()
		for key, old := range d.cached {
			if !now.Before(old.until) {
				delete(d.cached, key)
			}
		}
	}
	if len(d.cached) >= mostCached {
		clear(d.cached)
	}
	d.cached[id] = c
}

func (d *documents) fetch(ctx context.Context, id string) (client, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, d.within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, id, http.NoBody)
	if err != nil {
		return client{}, 0, errors.New("it is no address")
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "holdfast")
	answer, err := d.client.Do(request)
	if err != nil {
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return client{}, 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return client{}, 0, fmt.Errorf("its host answered %d; redirects are not followed", answer.StatusCode)
	}
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind != "application/json" && (!strings.HasPrefix(kind, "application/") || !strings.HasSuffix(kind, "+json")) {
		return client{}, 0, errors.New("it is not served as application/json")
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostDocument+1))
	if err != nil {
		return client{}, 0, errors.New("it could not be read to its end")
	}
	if len(body) > mostDocument {
		return client{}, 0, fmt.Errorf("it is larger than %d bytes", mostDocument)
	}
	c, err := d.parse(id, body)
	return c, keepFor(answer.Header), err
}

// parse reads a document. There is no secret that it could share with the house.
func (d *documents) parse(id string, body []byte) (client, error) {
	var m metadata
	if err := json.Unmarshal(body, &m); err != nil {
		return client{}, errors.New("it is not a JSON object of client metadata")
	}
	switch {
	case m.ClientID != id:
		return client{}, errors.New("its client_id is not its own address")
	case m.Secret != "" || m.SecretExpires != nil:
		return client{}, errors.New("it has a client_secret, which a public document cannot")
	case m.Method != "" && m.Method != methodNone:
		return client{}, fmt.Errorf("its token_endpoint_auth_method is %s: want none", clip(m.Method, 40))
	case plainName(m.Name) == "":
		return client{}, errors.New("it has no client_name")
	}
	m.Method = methodNone
	m.Redirects = slices.DeleteFunc(m.Redirects, func(redirect string) bool { return checkRedirect(redirect) != nil })
	if err := m.check(); err != nil {
		return client{}, err
	}
	return client{
		ID: id, Kind: kindDocument, Name: m.Name, URI: m.URI, Redirects: m.Redirects,
		Refreshes: slices.Contains(m.GrantTypes, grantRefresh), Created: d.now().UTC(),
	}, nil
}

// keepFor is how long an answer may be kept, by its Cache-Control.
func keepFor(h http.Header) time.Duration {
	keep := keepDefault
	for directive := range strings.SplitSeq(strings.ToLower(h.Get("Cache-Control")), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		switch name {
		case "no-store", "no-cache", "private":
			return 0
		case "max-age":
			if seconds, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil {
				keep = min(time.Duration(max(seconds, 0))*time.Second, keepMost)
			}
		}
	}
	return keep
}

// forget drops what is kept of a document.
func (d *documents) forget(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.cached, id)
}
