// SPDX-License-Identifier: Apache-2.0

package extension_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"holdfast"
	"holdfast/holdfasttest"
)

// A stranger is a program that listens on a port and is no unit of the house.
type stranger struct {
	*http.Server
	port int
}

const secret = "what the stranger serves"

func listen(t *testing.T, port int) *stranger {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{port: l.Addr().(*net.TCPAddr).Port, Server: &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, secret) }),
	}}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// visitor is a browser, logged in by a one-time link.
func visitor(t *testing.T, h *holdfasttest.House) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	var link struct{ URL string }
	if err := json.Unmarshal(h.Do("link.create", `{}`), &link); err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+at.Host+"/auth/link", strings.NewReader(at.Query().Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "http://"+at.Host)
	if status, text := answer(t, client, r); status != http.StatusOK {
		t.Fatalf("cannot log in: %d %s", status, text)
	}
	return client
}

func answer(t *testing.T, client *http.Client, r *http.Request) (int, string) {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// visit asks the front door for the page of the extension as a browser would.
func visit(t *testing.T, h *holdfasttest.House, client *http.Client) (int, string) {
	t.Helper()
	var status struct{ URL string }
	if err := json.Unmarshal(h.Do("house.status", `{}`), &status); err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, status.URL+"/ext/taken/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	return answer(t, client, r)
}

// await polls until the page answers so; a stranger's word fails at once.
func await(t *testing.T, h *holdfasttest.House, client *http.Client, status int, holds string) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		got, text := visit(t, h, client)
		if strings.Contains(text, secret) {
			t.Fatalf("the front door hands people to a stranger: %d %s", got, text)
		}
		if got == status && strings.Contains(text, holds) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("the page answers %d %s, want %d with %q", got, text, status, holds)
		}
	}
}

func TestAStrangerOnTheAssignedPortIsNeverServed(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a whole house")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := listen(t, 0)
	port := strconv.Itoa(other.port)
	h := holdfasttest.Start(t, holdfasttest.Options{Bare: true, Files: map[string]string{
		"holdfast.yaml":                fmt.Sprintf("extensions: {sandbox: {taken: {read: [%q]}}}\n", self),
		"extensions/taken/config.json": "{}",
		"extensions/taken/ui/start.sh": "#!/bin/sh\nHOLDFAST_TEST_PAGE=$1 exec " + self + "\n",
		"master_config.json":           `{"port_assignments": {"extensions": {"taken": ` + port + `}}}`,
	}})
	client := visitor(t, h)
	blocked := fmt.Sprintf("port %s is held by", port)
	await(t, h, client, http.StatusServiceUnavailable, blocked)
	if u := h.Unit("taken.ui"); u.State != holdfast.UnitBlocked || !strings.Contains(u.Detail, blocked) {
		t.Errorf("the unit is %s: %s", u.State, u.Detail)
	}

	_ = other.Close()
	h.Do("unit.start", `{"unit": "taken.ui"}`)
	await(t, h, client, http.StatusOK, "the page")

	h.Do("unit.stop", `{"unit": "taken.ui"}`)
	listen(t, other.port)
	await(t, h, client, http.StatusServiceUnavailable, "held")
	if status, text := visit(t, h, client); status != http.StatusServiceUnavailable || !strings.Contains(text, "taken.ui") {
		t.Errorf("the page of a stopped unit: %d %s", status, text)
	}
}
