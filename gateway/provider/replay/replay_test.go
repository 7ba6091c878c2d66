// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holdfast/gateway/provider/replay"
)

const (
	key  = "sk-proj-0123456789abcdefghij"
	body = `{"model":"m","api":"` + key + `"}`
)

func ask(t *testing.T, through http.RoundTripper, url, body string) (string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("X-Api-Key", "bare")
	resp, err := through.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	return string(answer), err
}

// TestRecordAndReplay records a server and plays it back without it.
func TestRecordAndReplay(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "session=secret")
		_, _ = io.WriteString(w, "data: {\"echo\":\""+key+"\"}\n\ndata: [DONE]\n\n")
	}))
	recorder := &replay.Recorder{Next: http.DefaultTransport}
	said, err := ask(t, recorder, server.URL+"/v1/x", body)
	server.Close()
	if err != nil || !strings.Contains(said, key) {
		t.Fatalf("%q, %v", said, err)
	}
	path := filepath.Join(t.TempDir(), "tape.yaml")
	if err := recorder.Save(path, "recorded by a test\nfrom a server of ours"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{key, "bare", "session=secret"} {
		if strings.Contains(string(text), secret) {
			t.Errorf("%q is on the tape: %s", secret, text)
		}
	}
	tape, err := replay.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t, tape, server.URL+"/v1/x", body); err != nil || got != strings.ReplaceAll(said, key, replay.Scrubbed) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ask(t, tape, server.URL+"/v1/x", body); err == nil || tape.Left() != 0 {
		t.Error("a tape at its end answers")
	}
}

func TestATapeHoldsRequestsAgainstItself(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tape.yaml")
	text := "exchanges:\n- request: {method: POST, url: 'http://x/y', headers: {Authorization: 'Bearer <scrubbed>'}, body: '{\"a\":1}'}\n  response: {status: 200, body: ok}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ url, body string }{
		"another address": {"http://x/z", `{"a":1}`}, "another body": {"http://x/y", `{"a":2}`}, "no JSON": {"http://x/y", `{"a"`},
	} {
		tape, err := replay.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ask(t, tape, c.url, c.body); err == nil {
			t.Errorf("%s is taken for the recorded one", name)
		}
	}
	tape, err := replay.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ask(t, tape, "http://x/y", ` {"a": 1}`); err != nil || got != "ok" {
		t.Errorf("%q, %v", got, err)
	}
}
