// SPDX-License-Identifier: Apache-2.0

package logkeeper

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"
)

// A complaint is where the keeper tells of a log that it cannot write: in the state file, whose
// blocks it has, since its own log is likely on the disk that is full. Only the keeper writes it.
type complaint struct {
	// turn is odd while the rest is written.
	turn atomic.Uint32
	// since is 0 when nothing is wrong, else nanoseconds since 1970.
	since int64
	log   [256]byte
	why   [1024]byte
}

// tell writes a trouble down; the zero one says that all is well.
func (c *complaint) tell(t Trouble) {
	c.turn.Add(1 + c.turn.Load()%2) // odd, though a keeper was killed in here
	c.since = 0
	if t.There() {
		c.since = t.Since.UnixNano()
	}
	put(c.log[:], t.Log)
	put(c.why[:], t.Why)
	c.turn.Add(1)
}

func put(to []byte, text string) {
	clear(to)
	copy(to[:len(to)-1], text)
}

func (c *complaint) read() Trouble {
	if c.since == 0 {
		return Trouble{}
	}
	return Trouble{Since: time.Unix(0, c.since).UTC(), Log: textIn(c.log[:]), Why: textIn(c.why[:])}
}

func textIn(raw []byte) string {
	text, _, _ := bytes.Cut(raw, []byte{0})
	return strings.ToValidUTF8(string(text), "")
}

// A sign is what the keeper tells of itself in the state file.
type sign struct {
	// beat advances while the keeper lives.
	beat    uint64
	trouble Trouble
}

// readSign reads the keeper's sign, of one moment.
func readSign(path string) (sign, error) {
	file, err := os.Open(path)
	if err != nil {
		return sign{}, err
	}
	defer func() { _ = file.Close() }()
	before, after := make([]byte, headSize), make([]byte, headSize)
	for range 100 {
		for _, raw := range [][]byte{before, after} {
			if _, err := file.ReadAt(raw, 0); err != nil {
				return sign{}, fmt.Errorf("cannot read how the log keeper is: %w", err)
			}
		}
		h, again := headIn(before), headIn(after)
		if turn := h.trouble.turn.Load(); turn%2 == 0 && turn == again.trouble.turn.Load() {
			return sign{beat: h.beat.Load(), trouble: h.trouble.read()}, nil
		}
	}
	// A keeper that was killed while it told leaves half of it, until the next.
	return sign{beat: headIn(after).beat.Load()}, nil
}

func headIn(raw []byte) *head { return (*head)(unsafe.Pointer(&raw[0])) }
