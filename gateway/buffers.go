// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"bytes"
	"sync"
)

// keptBodySize bounds the buffers that are kept for the next call.
const keptBodySize = 1 << 20

// buffers are used again from call to call.
type buffers struct {
	bodies  sync.Pool
	streams sync.Pool
}

// A piping is what one stream is read into and written from.
type piping struct{ in, out []byte }

func (b *buffers) takePiping() *piping {
	if p, ok := b.streams.Get().(*piping); ok {
		return p
	}
	return new(piping)
}

func (b *buffers) givePiping(p *piping) {
	if cap(p.in)+cap(p.out) <= keptBodySize {
		b.streams.Put(p)
	}
}

func (b *buffers) take() *bytes.Buffer {
	if buf, ok := b.bodies.Get().(*bytes.Buffer); ok {
		buf.Reset()
		return buf
	}
	return new(bytes.Buffer)
}

func (b *buffers) give(buf *bytes.Buffer) {
	if buf.Cap() <= keptBodySize {
		b.bodies.Put(buf)
	}
}
