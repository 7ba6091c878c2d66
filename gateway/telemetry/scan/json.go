// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// space skips white space from at on.
func space(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\t' || b[at] == '\r' || b[at] == '\n') {
		at++
	}
	return at
}

// afterString is where the string ends that begins with the quote at at; -1 when it does not end.
func afterString(b []byte, at int) int {
	for at++; ; at++ {
		n := bytes.IndexByte(b[at:], '"')
		if n < 0 {
			return -1
		}
		at += n
		slashes := 0
		for b[at-1-slashes] == '\\' { // the opening quote ends it
			slashes++
		}
		if slashes%2 == 0 {
			return at + 1
		}
	}
}

// afterValue is where the value ends that begins at at; -1 when it does not end. It looks at quotes
// and brackets only.
func afterValue(b []byte, at int) int {
	if at >= len(b) {
		return -1
	}
	switch b[at] {
	case '"':
		return afterString(b, at)
	case '{', '[':
		return afterBrackets(b, at)
	}
	end := at
	for end < len(b) && b[end] > ' ' && strings.IndexByte(`,:"[]{}`, b[end]) < 0 {
		end++
	}
	if end == at {
		return -1
	}
	return end
}

func afterBrackets(b []byte, at int) int {
	depth := 0
	for at < len(b) {
		switch b[at] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth == 0 {
				return at + 1
			}
		case '"':
			if at = afterString(b, at); at < 0 {
				return -1
			}
			continue
		}
		at++
	}
	return -1
}

// members calls f with each member of the object that b is, its value as it stands, and tells
// whether b is one whole object.
func members(b []byte, f func(key, value []byte)) bool {
	at := space(b, 0)
	if at >= len(b) || b[at] != '{' {
		return false
	}
	at = space(b, at+1)
	if at < len(b) && b[at] == '}' {
		return space(b, at+1) == len(b)
	}
	for {
		if at >= len(b) || b[at] != '"' {
			return false
		}
		end := afterString(b, at)
		if end < 0 {
			return false
		}
		key := b[at+1 : end-1]
		at = space(b, end)
		if at >= len(b) || b[at] != ':' {
			return false
		}
		at = space(b, at+1)
		if end = afterValue(b, at); end < 0 {
			return false
		}
		f(key, b[at:end])
		at = space(b, end)
		if at >= len(b) {
			return false
		}
		if b[at] == '}' {
			return space(b, at+1) == len(b)
		}
		if b[at] != ',' {
			return false
		}
		at = space(b, at+1)
	}
}

// elements calls f with each element of the array that b is.
func elements(b []byte, f func(value []byte)) {
	if len(b) == 0 || b[0] != '[' {
		return
	}
	for at := space(b, 1); at < len(b) && b[at] != ']'; {
		end := afterValue(b, at)
		if end < 0 {
			return
		}
		f(b[at:end])
		if at = space(b, end); at < len(b) && b[at] == ',' {
			at = space(b, at+1)
		}
	}
}

// plain is what a string value holds, nil when it is no string. What it returns may be a part of v.
func plain(v []byte) []byte {
	if len(v) < 2 || v[0] != '"' {
		return nil
	}
	if bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1]
	}
	var s string
	if json.Unmarshal(v, &s) != nil {
		return nil
	}
	return []byte(s)
}

const maxCount = 1 << 50 // more than this is no number of tokens

// count reads a whole number that is not negative.
func count(v []byte) (n int64, ok bool) {
	for _, c := range v {
		if c < '0' || c > '9' || n > maxCount {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, len(v) > 0 && n <= maxCount
}

// dollars reads an amount as billionths.
func dollars(v []byte) (nano int64, ok bool) {
	f, err := strconv.ParseFloat(string(v), 64)
	if err != nil || !(f >= 0) || f > 1e9 {
		return 0, false
	}
	return int64(f*1e9 + 0.5), true
}

func isNull(v []byte) bool { return string(v) == "null" }

// moment reads a time in RFC 3339's form.
func moment(text []byte) (time.Time, bool) {
	if t, ok := utc(text); ok {
		return t, true
	}
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(string(text)))
	return t, err == nil
}

// utc reads 2006-01-02T15:04:05.000Z, the form that nearly every line has.
func utc(b []byte) (time.Time, bool) {
	if len(b) != 24 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' || b[23] != 'Z' {
		return time.Time{}, false
	}
	bad := false
	digits := func(from, to int) (n int) {
		for _, c := range b[from:to] {
			bad = bad || c < '0' || c > '9'
			n = n*10 + int(c-'0')
		}
		return n
	}
	year, month, day := digits(0, 4), digits(5, 7), digits(8, 10)
	hour, minute, second, milli := digits(11, 13), digits(14, 16), digits(17, 19), digits(20, 23)
	if bad || month < 1 || month > 12 || day < 1 || day > 28 || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false // the last days of a month are left to the library
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, milli*1e6, time.UTC), true
}
