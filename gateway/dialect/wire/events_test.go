// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"holdfast/gateway/dialect/streamtest"
)

func events(t *testing.T, from io.Reader) (list []string, rest string, err error) {
	t.Helper()
	e := NewEvents(from, nil)
	for {
		for event, ok := e.Next(); ok; event, ok = e.Next() {
			list = append(list, string(event.Data))
		}
		if err := e.Fill(); err != nil {
			return list, string(e.Rest()), err
		}
	}
}

func TestEventsHoweverTheyArrive(t *testing.T) {
	t.Parallel()
	stream := "data: {\"a\":1}\n\n: alive\n\nevent: x\r\ndata:{\"b\":2}\r\n\r\ndata: one\ndata: two\n\ndata: torn"
	want := []string{`{"a":1}`, ``, `{"b":2}`, "one\ntwo"}
	for name, from := range map[string]io.Reader{
		"whole": strings.NewReader(stream),
		"bytes": iotest.OneByteReader(strings.NewReader(stream)),
		"eof":   iotest.DataErrReader(strings.NewReader(stream)),
	} {
		got, rest, err := events(t, from)
		if !errors.Is(err, io.EOF) || rest != "data: torn" || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: got %q, rest %q, %v", name, got, rest, err)
		}
	}
}

func TestEventsAreBounded(t *testing.T) {
	t.Parallel()
	_, _, err := events(t, io.LimitReader(endless{}, 64<<20))
	if !errors.Is(err, ErrHugeEvent) {
		t.Errorf("got %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestEventsOfAnySize: an event larger than every buffer before it comes out whole, and those after it
// too.
func TestEventsOfAnySize(t *testing.T) {
	t.Parallel()
	huge := strings.Repeat("x", 3<<20)
	got, rest, err := events(t, strings.NewReader("data: a\n\ndata: "+huge+"\n\ndata: b\n\n"))
	if !errors.Is(err, io.EOF) || rest != "" || len(got) != 3 || got[1] != huge || got[2] != "b" {
		t.Errorf("%d events, rest %q, %v", len(got), rest, err)
	}
}

// FuzzEvents holds that no byte of a stream is lost or doubled, however it is cut into reads.
func FuzzEvents(f *testing.F) {
	f.Add([]byte("data: {\"a\":1}\n\n: c\r\n\r\ndata: x\ndata: y\n\ndata: [DONE]\n\n"), uint8(3))
	f.Add([]byte("event: e\ndata: torn"), uint8(1))
	f.Add([]byte("\n\n\n\r\n"), uint8(0))
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		var raw bytes.Buffer
		e := NewEvents(&streamtest.Pieces{Rest: stream, Size: int(size)%17 + 1}, nil)
		for {
			for event, ok := e.Next(); ok; event, ok = e.Next() {
				raw.Write(event.Raw)
			}
			if e.Fill() != nil {
				break
			}
		}
		raw.Write(e.Rest())
		if !bytes.Equal(raw.Bytes(), stream) {
			t.Fatalf("%q came out as %q", stream, raw.Bytes())
		}
	})
}
