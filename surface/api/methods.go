// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"
	"strings"
	"sync"

	"holdfast"
	"holdfast/surface/problem"
)

// A table is the routes of a listener. It knows, too, what is served at a path by another method: what
// answers every other path hides that.
type table struct {
	*http.ServeMux
	patterns []string
	known    func() *http.ServeMux
}

func newTable() *table {
	t := &table{ServeMux: http.NewServeMux()}
	t.known = sync.OnceValue(func() *http.ServeMux {
		known := http.NewServeMux()
		for _, p := range t.patterns {
			known.Handle(p, http.NotFoundHandler())
		}
		return known
	})
	return t
}

// Handle serves a pattern.
func (t *table) Handle(pattern string, h http.Handler) {
	t.ServeMux.Handle(pattern, h)
	t.patterns = append(t.patterns, pattern)
}

// others answers what nothing else below a path takes.
func (t *table) others(path string, h http.HandlerFunc) {
	t.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		if !t.refuse(w, r) {
			h(w, r)
		}
	})
}

// refuse answers 405 where the path is served and the method is not; false where nothing is.
func (t *table) refuse(w http.ResponseWriter, r *http.Request) bool {
	other := *r
	var list []string
	for _, other.Method = range [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if _, pattern := t.known().Handler(&other); pattern != "" {
			list = append(list, other.Method)
		}
	}
	if len(list) == 0 {
		return false
	}
	allowed := strings.Join(list, ", ")
	d := problem.Of(holdfast.Errorf(holdfast.CodeBadInput, "%s does not take %s: want %s", r.URL.Path, r.Method, allowed))
	d.Status = http.StatusMethodNotAllowed
	d.Title = http.StatusText(d.Status)
	w.Header().Set("Allow", allowed)
	say(w, r, d)
	return true
}
