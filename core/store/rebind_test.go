// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strings"
	"testing"
)

func TestRebind(t *testing.T) {
	for _, c := range []struct{ query, want string }{
		{"SELECT 1", "SELECT 1"},
		{"a = ? AND b = ?", "a = $1 AND b = $2"},
		{"a = '?' AND b = ?", "a = '?' AND b = $1"},
		{"a = 'it''s ?' AND b = ?", "a = 'it''s ?' AND b = $1"},
		{`"odd?" = ?`, `"odd?" = $1`},
		{`"odd""?" = ?`, `"odd""?" = $1`},
		{"-- why?\na = ?", "-- why?\na = $1"},
		{"/* a? /* b? */ c? */ a = ?", "/* a? /* b? */ c? */ a = $1"},
		{`a = E'\'?' AND b = ?`, `a = E'\'?' AND b = $1`},
		{`a = E'it''s \' ?' AND b = ?`, `a = E'it''s \' ?' AND b = $1`},
		{`a = 'end\' AND b = ?`, `a = 'end\' AND b = $1`},
		{`name'?' = ?`, `name'?' = $1`},
		{"$$ a? $$ || ?", "$$ a? $$ || $1"},
		{"$tag$ a? $$ b? $tag$ || ?", "$tag$ a? $$ b? $tag$ || $1"},
		{"price$ = ? AND $", "price$ = $1 AND $"},
		{"a ?? b AND c = ?", "a ? b AND c = $1"},
		{"'no end ?", "'no end ?"},
		{"(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"},
	} {
		if got := rebind(c.query); got != c.want {
			t.Errorf("rebind(%q)\n got %q\nwant %q", c.query, got, c.want)
		}
	}
}

func FuzzRebind(f *testing.F) {
	f.Add("a = ? AND b = '?'")
	f.Add("$a$ ? $a$ /* ? */ E'\\'?' -- ?")
	f.Fuzz(func(t *testing.T, query string) {
		got := rebind(query)
		if !strings.Contains(query, "?") && got != query {
			t.Errorf("changed %q to %q", query, got)
		}
		if quoted := "'" + strings.ReplaceAll(query, "'", "''") + "'"; rebind(quoted) != quoted {
			t.Errorf("changed the string %q to %q", quoted, rebind(quoted))
		}
	})
}
