// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"time"

	"holdfast/core/home"
)

// The streams of a unit, in the order of their pipes.
const (
	stdout = iota
	stderr
	streams
)

// streamNames are the streams as records and pipes name them.
var streamNames = [streams]struct{ record, pipe string }{{"stdout", ".out"}, {"stderr", ".err"}}

// stampForm is RFC 3339 in UTC with all nine digits, so that stamps have one width.
const stampForm = "2006-01-02T15:04:05.000000000Z"

// recordMost bounds what a record adds to the text of its line.
const recordMost = len(stampForm) + len(" stdout F:C ") + 1

// A Record is one line of a log file, in the form of the Container Runtime Interface:
//
//	2026-01-31T12:00:00.000000000Z stdout F the text
//
// The tag is F for a record that ends its line and P for one whose line goes on in the stream's
// next record, which carries :C after its own tag.
type Record struct {
	At     time.Time
	Stream string
	// Part tells that the line goes on in the next record of the stream.
	Part bool
	// Continues tells that the record goes on with the line of the record before it.
	Continues bool
	Text      []byte
}

// ParseRecord reads one line of a log file, without its end; false when it is no record.
func ParseRecord(line []byte) (Record, bool) {
	stamp, rest, _ := bytes.Cut(line, []byte{' '})
	if len(stamp) < len("2006-01-02T15:04:05Z") || len(stamp) > len(stampForm) || stamp[len(stamp)-1] != 'Z' {
		return Record{}, false
	}
	stream, rest, _ := bytes.Cut(rest, []byte{' '})
	if string(stream) != "stdout" && string(stream) != "stderr" {
		return Record{}, false
	}
	tag, text, ok := bytes.Cut(rest, []byte{' '})
	if !ok {
		return Record{}, false
	}
	r := Record{Stream: "stdout", Text: text}
	if stream[3] == 'e' {
		r.Stream = "stderr"
	}
	switch string(tag) {
	case "F":
	case "P":
		r.Part = true
	case "F:C":
		r.Continues = true
	case "P:C":
		r.Part, r.Continues = true, true
	default:
		return Record{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(stamp))
	r.At = at
	return r, err == nil
}

// endMark is what the house writes into a unit's pipes when a launch has ended whole, so that a
// line that the launch left open ends there. It names the home, so that no program writes it by
// chance, and has no place in a log.
func endMark(h home.Home) []byte {
	dir, err := filepath.Abs(h.Dir())
	if err == nil {
		dir, err = filepath.EvalSymlinks(dir) // the keeper may have been started by another name of it
	}
	if err != nil {
		dir = h.Dir()
	}
	sum := sha256.Sum256([]byte("end of launch " + dir))
	return append([]byte{0x1e}, hex.EncodeToString(sum[:16])...)
}

// A scribe words the bytes of one stream as records. Words depend on nothing but its fields and
// the bytes, so that a successor words a batch again as the keeper before it did.
type scribe struct {
	stamp  int64 // nanoseconds since 1970
	stream int
	open   bool // the last record of the stream was a part
	mark   []byte
}

// words appends the records of raw to dst, and tells whether the last of them is a part.
func (s scribe) words(dst, raw []byte) (out []byte, open bool) {
	lead := time.Unix(0, s.stamp).UTC().AppendFormat(make([]byte, 0, recordMost), stampForm)
	lead = append(append(append(lead, ' '), streamNames[s.stream].record...), ' ')
	open = s.open
	for len(raw) > 0 {
		i := bytes.IndexByte(raw, '\n')
		if i < 0 {
			return s.record(dst, lead, 'P', open, raw), true
		}
		line := raw[:i]
		raw = raw[i+1:]
		if text, ended := bytes.CutSuffix(line, s.mark); ended {
			if line = text; len(text) == 0 && !open {
				continue
			}
		}
		dst = s.record(dst, lead, 'F', open, line)
		open = false
	}
	return dst, open
}

func (s scribe) record(dst, lead []byte, tag byte, continues bool, text []byte) []byte {
	dst = append(append(dst, lead...), tag)
	if continues {
		dst = append(dst, ":C"...)
	}
	dst = append(dst, ' ')
	dst = append(dst, text...)
	return append(dst, '\n')
}
