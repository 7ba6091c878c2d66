// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"net/http"
	"testing"
)

func TestAnUnknownMethodIsAnErrorOfTheProtocol(t *testing.T) {
	_, url := endpoint(t, newShelf(entry("add", 0)))
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		with := map[string]string{sessionHeader: connect(t, url, "agent", version, nil).ID(), versionHeader: version}
		for body, want := range map[string]answered{
			`{"jsonrpc":"2.0","id":1,"method":"foo/bar"}`: {
				http.StatusOK,
				`{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"there is no method \"foo/bar\""}}`,
			},
			`{"jsonrpc":"2.0","id":"a","method":"","params":{}}`: {
				http.StatusOK,
				`{"jsonrpc":"2.0","id":"a","error":{"code":-32601,"message":"there is no method \"\""}}`,
			},
			`{"jsonrpc":"2.0","method":"notifications/foo"}`: {code: http.StatusAccepted},
			`{"jsonrpc":"2.0","method":"tools/list"}`:        {http.StatusBadRequest, "invalid request: missing id for \"tools/list\"\n"},
		} {
			if got := post(t, url, "agent", body, with); got != want {
				t.Errorf("%s: %s is answered %d %s", version, body, got.code, got.body)
			}
		}
	}
	gone := map[string]string{sessionHeader: "gone", versionHeader: "2025-11-25"}
	if got := post(t, url, "agent", `{"jsonrpc":"2.0","id":1,"method":"foo/bar"}`, gone); got.code != http.StatusNotFound {
		t.Errorf("without its session it is answered %d %s", got.code, got.body)
	}
}
