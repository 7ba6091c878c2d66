// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// an unserving is a remote server that does not serve, and why in the house's words.
type unserving struct {
	Remote

	want string
}

func unservings(t *testing.T) map[string]unserving {
	t.Helper()
	encrypted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(encrypted.Close)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	at := func(f http.HandlerFunc) Remote { return Remote{URL: serve(t, f) + "/mcp?key=hunter2hunter2"} }
	status := func(code int) Remote {
		return at(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", code) })
	}
	answers := func(kind, body string, code int) Remote {
		return at(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
	}
	const wants = `{"jsonrpc":"2.0","id":1,"error":{"code":-32600,"message":"%"}}`
	return map[string]unserving{
		"closed":        {Remote{URL: closed.URL + "/mcp?key=hunter2hunter2"}, "nobody listens at 127.0.0.1:0: look whether the server runs, and whether its URL is right"},
		"closed, older": {Remote{URL: closed.URL, Legacy: true}, "nobody listens at 127.0.0.1:0: look whether the server runs, and whether its URL is right"},
		"no such host":  {Remote{URL: "http://nowhere.invalid/mcp"}, "nowhere.invalid"},
		"a stranger":    {Remote{URL: encrypted.URL}, "its certificate is not good (x509: certificate signed by unknown authority): want one that this machine trusts"},
		"no https":      {Remote{URL: "https" + strings.TrimPrefix(serve(t, http.NotFoundHandler()), "http")}, "it does not speak https: want http:// in its URL"},
		"no key":        {Remote{URL: closed.URL, Key: "FAR_KEY"}, "its key is not set: FAR_KEY in .env"},
		"key wanted":    {status(http.StatusUnauthorized), "it answered 401 Unauthorized: it wants a key or an authorization (`remote-mcp update --key NAME` or `--oauth`)"},
		"forbidden":     {status(http.StatusForbidden), "it answered 403 Forbidden: its key or authorization does not suffice"},
		"not there":     {status(http.StatusNotFound), "it answered 404 Not Found: there is no MCP server at the path of its URL"},
		"broken":        {status(http.StatusInternalServerError), "it answered 500 Internal Server Error: it cannot serve just now"},
		"busy":          {status(http.StatusTooManyRequests), "it answered 429 Too Many Requests: it cannot serve just now"},
		"says why":      {answers("application/json", strings.Replace(wants, "%", "want a workspace", 1), http.StatusBadRequest), "it answered 400 Bad Request; it says: want a workspace"},
		"tells a key":   {answers("application/json", strings.Replace(wants, "%", "not sk-abcdefghijklmn", 1), http.StatusBadRequest), "it answered 400 Bad Request; it says: ••••"},
		"a page":        {answers("text/html", "<html>", http.StatusOK), `it answered with the content type "text/html", which is not MCP's: look whether its URL is that of an MCP server`},
		"garbage":       {answers("application/json", "]]]", http.StatusOK), "what it answered is no message of MCP: look whether its URL is that of an MCP server"},
		"an empty word": {status(http.StatusAccepted), "what it answered is no message of MCP: look whether its URL is that of an MCP server"},
		"hanging up":    {at(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }), "it hung up without an answer"},
		"round in rings": {at(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path+"x", http.StatusTemporaryRedirect)
		}), "it redirected more than 3 times"},
		"elsewhere": {
			at(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, "http://other.example/", http.StatusTemporaryRedirect)
			}),
			"it points to another place, http://other.example, which was not added: add that URL if it is meant",
		},
		"silent": {at(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}), "it did not answer within 1s"},
	}
}

// TestWhyARemoteServerDoesNotServe is told in the house's words: what, where, and what would be right;
// without the steps of the library, and without keys.
func TestWhyARemoteServerDoesNotServe(t *testing.T) {
	for name, c := range unservings(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := far(t, c.Remote, func(n *Needs) {
				patience := time.Minute
				if name == "silent" {
					patience = time.Second
				}
				n.Settings = func() Settings { return Settings{StartWithin: patience, Parallel: 4} }
			})
			<-b.Tried()
			got := regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllString(b.Status().Error, "127.0.0.1:0")
			where, why, _ := strings.Cut(strings.TrimPrefix(got, "cannot connect to it at "), ": ")
			if name == "an empty word" && why == hungUp { // the SDK may see the end first
				why = c.want
			}
			if name == "no such host" { // in words that depend on who resolves names here
				why = "nowhere.invalid"
			}
			if why != c.want || !strings.HasPrefix(where, "http") || strings.Contains(got, "hunter2") {
				t.Errorf("it says %q", got)
			}
		})
	}
}
