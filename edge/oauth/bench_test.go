// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"testing"

	"holdfast/core/store/storetest"
)

// BenchmarkEnter is what a request to an MCP endpoint costs for bearing an access token.
func BenchmarkEnter(b *testing.B) {
	for name, scopes := range map[string][]string{"all": {ScopeRead, ScopeCall}, "read": {ScopeRead}} {
		b.Run(name, func(b *testing.B) {
			d := newDesk(b, storetest.SQLite(b, tables(b)))
			_, all := d.given(scopes...)
			for b.Loop() {
				_, leave := d.entered(all.Access, "POST", `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"look"}}`)
				leave()
			}
		})
	}
}
