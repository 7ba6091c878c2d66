// SPDX-License-Identifier: Apache-2.0

package store

import (
	"strconv"
	"strings"
)

// rebind turns each `?` placeholder into PostgreSQL's `$1`, `$2`, …, leaving strings, quoted
// names and comments alone; `??` becomes a literal `?`.
func rebind(query string) string {
	if !strings.Contains(query, "?") {
		return query
	}
	var b strings.Builder
	b.Grow(len(query) + 16)
	n := 0
	for i := 0; i < len(query); {
		end := skipQuoted(query, i)
		switch {
		case end > i:
		case query[i] != '?':
			end = i + 1
		case strings.HasPrefix(query[i:], "??"):
			b.WriteByte('?')
			i += 2
			continue
		default:
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
			i++
			continue
		}
		b.WriteString(query[i:end])
		i = end
	}
	return b.String()
}

// skipQuoted returns the end of the string, quoted name, dollar quote or comment that begins at
// i, or i when none does. One without an end goes to the end of the query.
func skipQuoted(q string, i int) int {
	rest := q[i:]
	switch {
	case rest[0] == '\'' || rest[0] == '"':
		return i + quotedLen(rest, escaped(q, i))
	case strings.HasPrefix(rest, "--"):
		return i + until(rest, "\n")
	case strings.HasPrefix(rest, "/*"):
		return i + commentLen(rest)
	case rest[0] == '$' && (i == 0 || !wordByte(q[i-1])):
		return i + dollarLen(rest)
	}
	return i
}

// escaped tells whether the string at i is PostgreSQL's E'…', in which a backslash escapes.
func escaped(q string, i int) bool {
	if i == 0 || q[i] != '\'' || (q[i-1] != 'E' && q[i-1] != 'e') {
		return false
	}
	return i == 1 || !wordByte(q[i-2])
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func quotedLen(s string, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] == s[0] && i+1 < len(s) && s[i+1] == s[0]:
			i++
		case s[i] == s[0]:
			return i + 1
		}
	}
	return len(s)
}

func until(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i + len(end)
	}
	return len(s)
}

// commentLen follows PostgreSQL, where comments nest.
func commentLen(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "/*"):
			depth++
			i++
		case strings.HasPrefix(s[i:], "*/"):
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// dollarLen is the length of $tag$ … $tag$, 0 when the dollar begins none.
func dollarLen(s string) int {
	end := 1
	for end < len(s) && wordByte(s[end]) {
		end++
	}
	if end >= len(s) || s[end] != '$' || (end > 1 && s[1] >= '0' && s[1] <= '9') {
		return 0
	}
	tag := s[:end+1]
	return len(tag) + until(s[len(tag):], tag)
}
