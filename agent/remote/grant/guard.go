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
	"syscall"
	"time"
)

const (
	maxBody      = 1 << 20
	maxRedirects = 3
	answerWithin = 20 * time.Second
)

// guarded is the way to an authorization server, whose address is a stranger's word: over https to
// public addresses only, unless the MCP server that the operator added is itself inside the network.
func guarded(ctx context.Context, server string) (*http.Client, error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, fmt.Errorf("cannot use its URL: %w", err)
	}
	inside, err := within(ctx, u.Hostname())
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: answerWithin}
	if !inside {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error { return outside(address) }
	}
	transport := &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: answerWithin, ResponseHeaderTimeout: answerWithin,
		ForceAttemptHTTP2: true, DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Timeout:   findWithin,
		Transport: bounded{transport, inside},
		CheckRedirect: func(_ *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return fmt.Errorf("it redirected more than %d times", maxRedirects)
			}
			return nil
		},
	}, nil
}

// within tells whether a host is inside the network: a loopback or private address.
func within(ctx context.Context, host string) (bool, error) {
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return false, fmt.Errorf("cannot find %s: %w", host, err)
	}
	for _, a := range addresses {
		if !public(a) {
			return true, nil
		}
	}
	return false, nil
}

func outside(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if !public(at.Addr()) {
		return errors.New("it leads to an address inside the network, which a server outside may not")
	}
	return nil
}

// public tells an address of the Internet from one of this machine, a network of its own, or a
// special use.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, special := range []string{"100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "2001:db8::/32", "2002::/16"} {
		if netip.MustParsePrefix(special).Contains(a) {
			return false
		}
	}
	return true
}

// bounded holds every request to https and every answer to a size.
type bounded struct {
	next  http.RoundTripper
	plain bool // http is allowed, inside the network
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !b.plain {
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
