// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"bytes"
	"io"
)

// a stream is the body of an answer on its way to the SDK: bounded, and, where it is a stream of
// events, heard for what the server says while a call lasts, before the SDK sees the answer.
type stream struct {
	body   io.ReadCloser
	cancel func()
	life   func() bool
	hear   func(message []byte) bool
	events bool

	read int    // of an answer that is no stream of events
	line []byte // as far as it came
	data []byte // of the event as far as it came
	lost bool   // the line is too long to be heard
}

// Read passes on what comes.
func (s *stream) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	if s.events {
		s.listen(p[:n])
		return n, err
	}
	if s.read += n; s.read > maxMessage {
		return 0, errLarge
	}
	return n, err
}

// Close ends the request.
func (s *stream) Close() error {
	s.life()
	s.cancel()
	return s.body.Close()
}

func (s *stream) listen(part []byte) {
	for len(part) > 0 {
		end := bytes.IndexByte(part, '\n')
		if end < 0 {
			s.gather(part)
			return
		}
		s.gather(part[:end])
		s.end()
		part = part[end+1:]
	}
}

func (s *stream) gather(part []byte) {
	if s.lost || len(s.line)+len(part) > maxMessage {
		s.line, s.lost = nil, true
		return
	}
	s.line = append(s.line, part...)
}

// end takes a whole line: the data of an event, or its end.
func (s *stream) end() {
	line := bytes.TrimSuffix(s.line, []byte("\r"))
	if data, ok := bytes.CutPrefix(line, []byte("data:")); ok && len(s.data)+len(data) <= maxMessage {
		s.data = append(s.data, bytes.TrimPrefix(data, []byte(" "))...)
	}
	if len(line) == 0 && !s.lost {
		if len(s.data) > 0 {
			s.hear(s.data)
		}
		s.data = s.data[:0]
	}
	s.line, s.lost = s.line[:0], false
}
