// SPDX-License-Identifier: Apache-2.0

package grant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"holdfast/core/internet"
)

const (
	maxBody      = 1 << 20
	maxRedirects = 3
	answerWithin = 20 * time.Second
)

// guarded is the way to an authorization server, whose address is a stranger's word: over https to
// public addresses only, unless the MCP server that the operator added is itself inside the network. A
// server of a public name may be inside too; that leads to hosts of its own domain, which must prove
// themselves by a certificate, and to no others.
func guarded(server string) (*http.Client, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("cannot use its URL: %w", err)
	}
	anywhere := inside(u.Hostname())
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		dialer := &net.Dialer{Timeout: answerWithin}
		if host, _, err := net.SplitHostPort(address); !anywhere && (err != nil || !kin(u.Hostname(), host)) {
			dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error { return outside(address) }
		}
		return dialer.DialContext(ctx, network, address)
	}
	transport := &http.Transport{
		DialContext: dial, TLSHandshakeTimeout: answerWithin, ResponseHeaderTimeout: answerWithin,
		ForceAttemptHTTP2: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Timeout:   findWithin,
		Transport: bounded{transport, u, anywhere},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("it redirected more than %d times", maxRedirects)
			}
			return nil
		},
	}, nil
}

// ownNames end names that no public name server answers for.
const ownNames = ".localhost .local .localdomain .lan .home .home.arpa .internal .intranet .private .corp .test"

// inside tells whether a host is inside the network by what the operator wrote. What the name leads to
// does not count: whoever owns a public name leads it wherever they like.
func inside(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if at, err := netip.ParseAddr(host); err == nil {
		return !internet.Public(at)
	}
	return !strings.Contains(host, ".") || slices.ContainsFunc(strings.Fields(ownNames), func(end string) bool { return strings.HasSuffix(host, end) })
}

// kin tells whether a host is the server's own, or of the same domain.
func kin(server, host string) bool {
	server, host = strings.ToLower(server), strings.ToLower(host)
	if _, err := netip.ParseAddr(server); err == nil || host == server {
		return host == server
	}
	_, domain, _ := strings.Cut(server, ".")
	return strings.HasSuffix(host, "."+server) || strings.Contains(domain, ".") && (host == domain || strings.HasSuffix(host, "."+domain))
}

func outside(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !internet.Public(at.Addr()) {
		return errors.New("it leads to an address inside the network, which a server outside may not")
	}
	return nil
}

// bounded holds every request to https and every answer to a size.
type bounded struct {
	next   http.RoundTripper
	server *url.URL
	plain  bool // http is allowed, inside the network; else only where the server itself is
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	own := r.URL.Scheme == b.server.Scheme && strings.EqualFold(r.URL.Host, b.server.Host)
	if r.URL.Scheme != "https" && !b.plain && !own {
		return nil, fmt.Errorf("it leads to %s://, want https://", r.URL.Scheme)
	}
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(answer.Body, maxBody), answer.Body}
	return answer, nil
}
