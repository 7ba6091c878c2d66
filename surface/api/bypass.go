// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"holdfast"
)

// mayAskBypass marks requests that ask to be let past a HALT. Only the control socket knows of it: who
// comes in by another way cannot ask. Whether the caller may have it is for the breaker.
func mayAskBypass(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(holdfast.BypassHeader) == "breaker" {
			r = r.WithContext(holdfast.WithBypass(r.Context()))
		}
		next.ServeHTTP(w, r)
	})
}
