// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// decoder reads one stream:
//
//	message_start → (content_block_start → content_block_delta* → content_block_stop)* →
//	message_delta+ → message_stop, with ping anywhere and error in place of the rest.
//
// Events of kinds that are not known are passed over, as the API's versioning asks.
type decoder struct {
	started bool
	stopped bool
	open    map[int64]*openBlock // by the upstream's index
	blocks  int                  // begun so far
	counted counted
	events  []dialect.Event
}

// openBlock is a block that has begun and not ended.
type openBlock struct {
	index int
	kind  string
	said  bool
}

// mostOpen bounds how many blocks an upstream may leave open.
const mostOpen = 128

// Decode reads one event. The list holds until the next call.
func (d *decoder) Decode(data []byte) ([]dialect.Event, error) {
	d.events = d.events[:0]
	e, ok := readEvent(data)
	if !ok {
		return nil, errors.New("cannot read an event of the stream: it is no event of the Messages API")
	}
	switch e.kind {
	case "ping":
	case "error":
		f, _ := readError(0, data)
		d.say(dialect.Event{Kind: dialect.EventFailure, Failure: &f})
	case "message_start":
		d.start(e)
	case "content_block_start", "content_block_delta", "content_block_stop":
		if err := d.block(e); err != nil {
			return nil, fmt.Errorf("cannot read an event %s of the stream: %w", e.kind, err)
		}
	case "message_delta":
		d.ending(e)
	case "message_stop":
		d.closeAll()
		if !d.stopped { // some servers do not tell
			d.say(dialect.Event{Kind: dialect.EventStop, Stop: dialect.StopEnd})
		}
		d.say(dialect.Event{Kind: dialect.EventDone})
	}
	return d.events, nil
}

func (d *decoder) say(e dialect.Event) { d.events = append(d.events, e) }

func (d *decoder) start(e event) {
	if d.started {
		return
	}
	d.started = true
	start := dialect.Event{Kind: dialect.EventStart}
	eachMember(e.message, func(key, value []byte) {
		switch string(key) {
		case "id":
			start.ID = textOf(value)
		case "model":
			start.Model = textOf(value)
		case "usage":
			d.counted.take(value)
		}
	})
	d.say(start)
	d.sayUsage()
}

func (d *decoder) sayUsage() {
	if u, ok := d.counted.usage(); ok {
		d.say(dialect.Event{Kind: dialect.EventUsage, Usage: u})
	}
}

func (d *decoder) block(e event) error {
	at, err := strconv.ParseInt(string(e.index), 10, 32)
	if err != nil {
		return errors.New("its index is no number")
	}
	b, isOpen := d.open[at]
	switch {
	case e.kind == "content_block_start" && isOpen:
		return fmt.Errorf("block %d begins twice", at)
	case e.kind == "content_block_start":
		return d.begin(at, e.block)
	case !isOpen:
		return fmt.Errorf("block %d has not begun", at)
	case e.kind == "content_block_delta":
		return d.delta(b, e.delta)
	}
	d.end(at, b)
	return nil
}

func (d *decoder) begin(at int64, raw []byte) error {
	var block answerBlock
	if err := json.Unmarshal(raw, &block); err != nil {
		return err
	}
	part, err := block.part()
	if err != nil {
		return err
	}
	if len(d.open) >= mostOpen {
		return fmt.Errorf("more than %d blocks are open", mostOpen)
	}
	if d.open == nil {
		d.open = make(map[int64]*openBlock)
	}
	b := &openBlock{index: d.blocks, kind: block.Type}
	d.open[at] = b
	d.blocks++
	first := ""
	switch block.Type {
	case "text":
		first, part.Text = block.Text, ""
	case "thinking":
		first, part.Thinking.Text = block.Thinking, ""
	case "tool_use":
		if part.Call.Arguments != "{}" {
			first = part.Call.Arguments
		}
		part.Call.Arguments = ""
	}
	signature := ""
	if part.Thinking != nil {
		signature, part.Thinking.Signature = part.Thinking.Signature, ""
	}
	d.say(dialect.Event{Kind: dialect.EventBegin, Index: b.index, Part: part})
	d.more(b, first)
	d.sign(b, signature)
	return nil
}

func (d *decoder) more(b *openBlock, text string) {
	if text == "" {
		return
	}
	b.said = true
	d.say(dialect.Event{Kind: dialect.EventDelta, Index: b.index, Text: text})
}

func (d *decoder) sign(b *openBlock, signature string) {
	if signature != "" {
		d.say(dialect.Event{Kind: dialect.EventSigned, Index: b.index, Text: signature})
	}
}

// delta reads more of a block. Citations say where a text is from and change nothing in it.
func (d *decoder) delta(b *openBlock, raw []byte) error {
	var kind []byte
	var text string
	eachMember(raw, func(key, value []byte) {
		switch string(key) {
		case "type":
			kind = value
		case "text", "thinking", "partial_json", "signature":
			text = textOf(value)
		}
	})
	want := ""
	switch string(kind) {
	case `"text_delta"`:
		want = "text"
	case `"thinking_delta"`, `"signature_delta"`:
		want = "thinking"
	case `"input_json_delta"`:
		want = "tool_use"
	default:
		return nil
	}
	switch {
	case b.kind != want:
		return fmt.Errorf("a %s came in a block of type %s", kind, b.kind)
	case string(kind) == `"signature_delta"`:
		d.sign(b, text)
	default:
		d.more(b, text)
	}
	return nil
}

// end ends a block. A call without arguments is one with none: an empty object elsewhere.
func (d *decoder) end(at int64, b *openBlock) {
	if b.kind == "tool_use" && !b.said {
		d.more(b, "{}")
	}
	d.say(dialect.Event{Kind: dialect.EventEnd, Index: b.index})
	delete(d.open, at)
}

// closeAll ends what an upstream left open.
func (d *decoder) closeAll() {
	for len(d.open) > 0 {
		least := int64(-1)
		for at, b := range d.open {
			if least < 0 || b.index < d.open[least].index {
				least = at
			}
		}
		d.end(least, d.open[least])
	}
}

func (d *decoder) ending(e event) {
	d.closeAll()
	sequence := ""
	eachMember(e.delta, func(key, value []byte) {
		if string(key) == "stop_sequence" {
			sequence = textOf(value)
		}
	})
	if (wire.Value{Raw: e.usage}).IsObject() {
		d.counted.take(e.usage)
		d.sayUsage()
	}
	if reason := stopReason(e.delta); reason != "" && !d.stopped {
		d.stopped = true
		d.say(dialect.Event{Kind: dialect.EventStop, Stop: stopOf(reason), StopSequence: sequence})
	}
}
