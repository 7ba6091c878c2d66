// SPDX-License-Identifier: Apache-2.0

package logs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// block is how much of a file is read at once.
const block = 64 << 10

// rawMost bounds a line of a file as it is read: what is shown of it, and the keeper's stamp.
const rawMost = lineMost + 128

// A backward reads the lines of a file from its end.
type backward struct {
	file io.ReaderAt
	at   int64
	// data is read and not taken yet; its first line may lack its beginning.
	data  []byte
	begun bool
	done  bool
}

func newBackward(file io.ReaderAt, size int64) *backward { return &backward{file: file, at: size} }

// next gives the next older line without its end; of a long one the beginning. False when there is
// none.
func (b *backward) next() ([]byte, bool, error) {
	for !b.done {
		if i := bytes.LastIndexByte(b.data, '\n'); i >= 0 {
			line := b.data[i+1:]
			b.data = b.data[:i]
			return line, true, nil
		}
		if b.at == 0 {
			b.done = true
			return b.data, b.begun, nil
		}
		if err := b.more(); err != nil {
			return nil, false, err
		}
	}
	return nil, false, nil
}

// more reads the block before what is there.
func (b *backward) more() error {
	n := min(b.at, block)
	b.at -= n
	rest := b.data[:min(len(b.data), rawMost)] // the end of an overlong line is not shown
	buffer := make([]byte, n, int(n)+len(rest))
	if _, err := b.file.ReadAt(buffer, b.at); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("cannot read log: %w", err)
	}
	if !b.begun {
		b.begun = true
		buffer = bytes.TrimSuffix(buffer, []byte{'\n'}) // it ends the last line and begins none
	}
	b.data = append(buffer, rest...)
	return nil
}

// wholeSize is how much of a file is whole lines.
func wholeSize(file io.ReaderAt, size int64) (int64, error) {
	buffer := make([]byte, block)
	for at := size; at > 0; {
		n := min(at, block)
		at -= n
		if _, err := file.ReadAt(buffer[:n], at); err != nil && !errors.Is(err, io.EOF) {
			return 0, fmt.Errorf("cannot read log: %w", err)
		}
		if i := bytes.LastIndexByte(buffer[:n], '\n'); i >= 0 {
			return at + int64(i) + 1, nil
		}
	}
	return 0, nil
}
