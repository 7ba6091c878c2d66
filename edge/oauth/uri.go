// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

const mostURI = 1024

// plainURI reads an address with a host; it refuses what a page, a header or another parser could read
// differently.
func plainURI(text string) (*url.URL, error) {
	u, err := plainText(text)
	if err == nil && (u.Opaque != "" || u.Hostname() == "") {
		err = errors.New("it has no host")
	}
	if err != nil {
		return nil, err
	}
	return u, nil
}

func plainText(text string) (*url.URL, error) {
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
	case u.Scheme == "":
		return nil, errors.New("it has no scheme")
	case u.User != nil:
		return nil, errors.New("it has a user name in it")
	case strings.Contains(text, "#"):
		return nil, errors.New("it has a fragment")
	}
	return u, nil
}

// loopback tells whether an address is of the machine where the browser runs.
func loopback(u *url.URL) bool {
	if u.Scheme != "http" && u.Scheme != "https" {
		return false // a host says nothing there
	}
	if u.Hostname() == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && ip.IsLoopback() && ip.Zone() == ""
}

// checkRedirect refuses addresses to which no code may be sent: all that is neither https, nor http
// on the loopback interface, nor opens an app by a scheme of its own.
func checkRedirect(text string) error {
	u, err := plainText(text)
	if err == nil && appOf(u) != "" {
		return nil
	}
	if err == nil {
		u, err = plainURI(text)
	}
	if err != nil {
		return fmt.Errorf("%q is no redirect address: %w", clip(text, 80), err)
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopback(u) {
		return nil
	}
	return fmt.Errorf("%q is no redirect address: want https, http on localhost, 127.0.0.1 or [::1], or an app's own scheme like com.example.app:/callback",
		clip(text, 80))
}

// taken lists schemes that are no app's own: those by which a browser runs, reads or shows something,
// and those that a system hands to programs which do what the address says.
const taken = `about acap app blob chrome content cid data dav dict dns docker facetime facetime-audio feed file filesystem ftp ftps git
gopher hcp help http https imap imaps intent irc ircs iris jar javascript jdbc jnlp ldap ldaps livescript localhost magnet mailto
market maps mhtml mid mk mms mocha news nfs nntp opaquelocktoken pop pop3 resource res rdp rlogin rsync rtsp rtmp search search-ms
sftp shell sip sips sms smsto smb ssh steam stun svn tel telnet tftp turn urn vbs vbscript view-source vnc webcal ws wss wyciwyg`

// takenBegins are beginnings of schemes that a system or a browser keeps for itself.
const takenBegins = `about- android- chrome- data- edge- file- ftp- git+ http+ https+ intent- itms javascript- microsoft- microsoft. moz- ms- opera- safari- shell- svn+ view- web+ x-`

// appOf is the scheme by which an address opens an app on the person's computer (RFC 8252, 7.1); empty
// for every other address.
func appOf(u *url.URL) string {
	scheme := u.Scheme
	leads := u.Opaque == "" && (u.Host != "" || strings.HasPrefix(u.Path, "/")) && u.User == nil
	if !leads || len(scheme) < 3 || len(scheme) > 64 || slices.Contains(strings.Fields(taken), scheme) {
		return ""
	}
	if slices.ContainsFunc(strings.Fields(takenBegins), func(begin string) bool { return strings.HasPrefix(scheme, begin) }) {
		return ""
	}
	return scheme
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
