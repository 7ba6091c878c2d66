// SPDX-License-Identifier: Apache-2.0

package scan

import (
	"bytes"
	"errors"
	"io"
)

const (
	chunk   = 512 << 10
	maxLine = 64 << 20 // a longer line is passed over
)

// A lineReader reads whole lines through one buffer, which many files use in turn.
type lineReader struct {
	buf []byte
	// passed counts lines that were too long.
	passed int
}

// read calls f with each whole line of r and the place where it begins, counted from, and returns
// where the last whole line ends. f says whether to go on. Then last is called with what stands
// behind it, a line that is still being written or has no end, if there is any.
func (l *lineReader) read(r io.Reader, from int64, f func(line []byte, at int64) bool, last func(tail []byte, at int64)) (int64, error) {
	if cap(l.buf) == 0 || cap(l.buf) > 4*chunk {
		l.buf = make([]byte, chunk)
	}
	l.buf = l.buf[:cap(l.buf)]
	held, skipping := 0, false // the beginning of a line, in the buffer
	for {
		n, err := r.Read(l.buf[held:])
		data := l.buf[:held+n]
		used, goOn := l.whole(data, held, from, &skipping, f)
		from += int64(used)
		held = copy(l.buf, data[used:])
		if !goOn {
			return from, nil
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			if held > 0 && !skipping && err == nil {
				last(l.buf[:held], from)
			}
			return from, err
		}
		if held < len(l.buf) {
			continue
		}
		if len(l.buf) >= maxLine {
			skipping = true
			l.passed++
			from += int64(held)
			held = 0
			continue
		}
		l.buf = append(l.buf, make([]byte, len(l.buf))...)
	}
}

// whole hands f the whole lines of data, of which the first known bytes hold no end of a line.
func (l *lineReader) whole(data []byte, known int, from int64, skipping *bool, f func(line []byte, at int64) bool) (used int, goOn bool) {
	for {
		n := bytes.IndexByte(data[max(used, known):], '\n')
		if n < 0 {
			if *skipping {
				used = len(data)
			}
			return used, true
		}
		end := max(used, known) + n
		if *skipping {
			*skipping = false
		} else if !f(data[used:end], from+int64(used)) {
			return used, false
		}
		used = end + 1
	}
}
