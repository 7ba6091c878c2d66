// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

const mostURI = 1024

// plainURI refuses what a page, a header or another parser could read differently.
func plainURI(text string) (*url.URL, error) {
	if text == "" || len(text) > mostURI {
		return nil, fmt.Errorf("want an address of 1 to %d bytes", mostURI)
	}
	for i := range len(text) {
		if text[i] <= ' ' || text[i] >= 0x7f || text[i] == '\\' || text[i] == '"' || text[i] == '<' || text[i] == '>' {
			return nil, errors.New("it has a character that an address may not have; want the ASCII form (a host as xn--…)")
		}
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("it is no address")
	case u.Scheme == "" || u.Opaque != "" || u.Hostname() == "":
		return nil, errors.New("it has no scheme or no host")
	case u.User != nil:
		return nil, errors.New("it has a user name in it")
	case strings.Contains(text, "#"):
		return nil, errors.New("it has a fragment")
	}
	return u, nil
}

// loopback tells whether an address is of the machine where the browser runs.
func loopback(u *url.URL) bool {
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() && ip.Zone() == ""
}

// checkRedirect refuses addresses to which no code may be sent: all that is neither https nor http
// on the loopback interface.
func checkRedirect(text string) error {
	u, err := plainURI(text)
	if err != nil {
		return fmt.Errorf("%q is no redirect address: %w", clip(text, 80), err)
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback(u) {
		return nil
	}
	return fmt.Errorf("%q is no redirect address: want https, or http on localhost, 127.0.0.1 or [::1]", clip(text, 80))
}

// redirectMatches compares what a client asks for with what it registered: byte for byte, but for the
// port of a loopback address, which a native client learns only when it listens (RFC 8252, 7.3).
func redirectMatches(registered, asked string) bool {
	if registered == asked {
		return true
	}
	one, err := plainURI(registered)
	if err != nil || one.Scheme != "http" || !loopback(one) {
		return false
	}
	two, err := plainURI(asked)
	return err == nil && withoutPort(registered, one) == withoutPort(asked, two)
}

// withoutPort cuts the port out of the text itself, so that all else is compared as it was written.
func withoutPort(text string, u *url.URL) string {
	if u.Port() == "" {
		return text
	}
	return strings.Replace(text, "://"+u.Host, "://"+strings.TrimSuffix(u.Host, ":"+u.Port()), 1)
}

// answerAt adds parameters to a redirect address, which may have some of its own.
func answerAt(redirect string, values url.Values) string {
	separator := "?"
	if strings.Contains(redirect, "?") {
		separator = "&"
	}
	return redirect + separator + values.Encode()
}

func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "")
}
