// SPDX-License-Identifier: Apache-2.0

package router

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// late is a body of which the transport sees only when the answer has begun that it ended, as happens by
// chance on a busy machine.
type late struct {
	io.ReadCloser
	read  bool
	begun <-chan struct{}
}

func (l *late) Read(p []byte) (int, error) {
	if l.read {
		<-l.begun
	}
	l.read = true
	return l.ReadCloser.Read(p)
}

// The server closes the body of a request when the answer begins, and the transport cuts the answer when it
// finds the body closed (golang/go#40747): the end of a body must be known without asking the server again.
func TestAnAnswerThatBeginsAtOnceIsWhole(t *testing.T) {
	d := newDoor(t)
	begun := make(chan struct{})
	d.house.publish(Mount{Path: "/api/notes/", Port: upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for range 1000 {
			_, _ = io.WriteString(w, "word\n")
			_ = http.NewResponseController(w).Flush()
			<-begun
		}
	}))})
	d.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &late{ReadCloser: r.Body, begun: begun}
		d.ServeHTTP(w, r)
	}))
	defer d.server.Close()
	r := d.request(http.MethodPost, hubURL+"/api/notes/", "Cookie", asOperator)
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader("a question")), 10
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	close(begun)
	whole, err := io.ReadAll(answer.Body)
	if len(whole) != 5000 || err != nil {
		t.Errorf("%d of 5000 bytes came: %v", len(whole), err)
	}
}
