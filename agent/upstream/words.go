// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"holdfast/agent/plain"
)

// a told error is one in the house's words. What it came of is found in it and not said.
type told struct {
	text string
	err  error
}

func (t told) Error() string { return t.text }

func (t told) Unwrap() error { return t.err }

// inWords is an error without the steps of the SDK that it came through, and without a server's key.
func inWords(err error) error {
	if err == nil {
		return nil
	}
	if bad := misshapen(err); bad != "" {
		return told{shown(bad), err}
	}
	if why := spoilt(err); why != "" {
		return told{why, nil} // the error of the protocol in it is not the server's
	}
	text := err.Error()
	if said := spoke(err); said != nil {
		text = said.Message
	}
	for {
		head, rest, more := strings.Cut(text, ": ")
		if !more || !isStep(head) {
			break
		}
		text = rest
	}
	switch {
	case strings.Contains(text, errLarge.Error()):
		text = errLarge.Error()
	case strings.HasPrefix(text, "unmarshaling "), strings.HasPrefix(text, "unsupported content type"):
		text = "what it answered is no message of MCP: look whether its URL is that of an MCP server"
	case text == io.EOF.Error():
		text = hungUp
	}
	return told{shown(text), err}
}

// shown is a server's or the SDK's text as it may be told; what carries a key is hidden.
func shown(text string) string {
	if plain.Show(text) == plain.Hidden {
		return plain.Hidden
	}
	return plain.Text(text, 1000)
}

// worded is the message of an error, also of one that has none.
func worded(message string) string {
	if strings.TrimSpace(message) == "" {
		return "with no word of why"
	}
	return message
}

// isStep tells whether a part of an error only says what the SDK was at.
func isStep(part string) bool {
	for _, verb := range []string{"calling", "sending", "opening", "Get", "Post", "Delete"} {
		if strings.HasPrefix(part, verb+` "`) {
			return true
		}
	}
	switch part {
	case "connection closed", "client is closing", "rejected by transport", "failed to connect", "failed to decode response":
		return true
	}
	return false
}

// unreached says why a request to a host came to nothing.
func unreached(host string, err error) string {
	name, timeout := (*net.DNSError)(nil), net.Error(nil)
	certificate, handshake := (*tls.CertificateVerificationError)(nil), tls.RecordHeaderError{}
	switch {
	case errors.As(err, &name) && name.IsNotFound:
		return "there is no host " + name.Name + ": look whether its URL is right"
	case errors.As(err, &name):
		return "the address of its host " + name.Name + " cannot be found out just now: look whether names are resolved on this machine"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nobody listens at " + host + ": look whether the server runs, and whether its URL is right"
	case errors.As(err, &certificate):
		return "its certificate is not good (" + certificate.Err.Error() + "): want one that this machine trusts"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"), errors.As(err, &handshake):
		return "it does not speak https: want http:// in its URL"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return hungUp
	case errors.As(err, &timeout) && timeout.Timeout():
		return host + " did not answer in time: look whether the server runs, and whether this machine reaches it"
	}
	return inWords(err).Error()
}

// declined says what a server's status means for who added it; empty when it is no refusal.
func (w *wire) declined(answer *http.Response) string {
	said := "it answered " + plain.Text(answer.Status, 100)
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
		kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
		if w.remote.Legacy || kind == "" || kind == "application/json" || kind == "text/event-stream" {
			return ""
		}
		return fmt.Sprintf("it answered with the content type %q, which is not MCP's: look whether its URL is that of an MCP server", plain.Text(kind, 100))
	case status < http.StatusBadRequest:
		return ""
	case status == http.StatusUnauthorized && w.remote.Auth == nil && w.remote.Key == "":
		return said + ": it wants a key or an authorization (`remote-mcp update --key NAME` or `--oauth`)"
	case status == http.StatusUnauthorized && w.remote.Auth == nil:
		return said + ": it does not take the key " + w.remote.Key + " of .env"
	case status == http.StatusForbidden:
		return said + ": its key or authorization does not suffice"
	case status == http.StatusNotFound && answer.Request != nil && answer.Request.Header.Get("Mcp-Session-Id") != "":
		return said + ": it has forgotten the session"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return said + ": there is no MCP server at the path of its URL"
	case status == http.StatusTooManyRequests, status >= http.StatusInternalServerError:
		return said + ": it cannot serve just now"
	}
	return said
}

// explain says why a request failed: out of time, or what the server or the way to it had against it.
func (w *wire) explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return told{cause.Error(), errors.Join(cause, err)}
	}
	if errors.Is(err, errLeft) {
		return errLeft
	}
	said := w.refusal()
	if said == "" || spoilt(err) != "" {
		return inWords(err)
	}
	status := w.statusOf()
	switch own := spoke(err); {
	case own != nil && status >= http.StatusBadRequest:
		said += "; it says: " + shown(own.Message)
	case w.remote.Auth != nil && (status == http.StatusUnauthorized || status == http.StatusForbidden):
		if why := inWords(err).Error(); why != http.StatusText(status) { // what the authorization lacks
			said = "it answered " + strconv.Itoa(status) + ": " + why
		}
	}
	return told{said, err}
}
