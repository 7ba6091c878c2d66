// SPDX-License-Identifier: Apache-2.0

package dialecttest

import (
	"slices"
	"strings"
	"testing"

	"holdfast/gateway/dialect"
)

// BenchmarkStream translates a stream of 64 pieces of text, each dialect to each.
func BenchmarkStream(b *testing.B) {
	pieces := slices.Repeat([]string{"some more text"}, 64)
	events, item := responsesText("0", "msg_1", "completed", pieces...)
	deltas, blocks := []string{}, []string{`{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}`}
	for _, p := range pieces {
		deltas = append(deltas, `{"content":"`+p+`"}`)
		blocks = append(blocks, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"`+p+`"}}`)
	}
	blocks = append(blocks, `{"type":"content_block_stop","index":0}`)
	streams := map[string]string{
		Chat: chatStream("stop", `{"prompt_tokens":40,"completion_tokens":7,"total_tokens":47}`, deltas...),
		Responses: responsesStream(responsesEnd("completed", "", item,
			`{"input_tokens":40,"input_tokens_details":{"cached_tokens":30},"output_tokens":7,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":47}`), events...),
		Messages: messagesStream(`{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":7}}`, blocks...),
	}
	asked := &dialect.Request{Model: "m", Stream: true, UsageAsked: true}
	for _, provider := range all() {
		var list [][]byte
		for data := range datas(streams[provider.Name]) {
			list = append(list, []byte(strings.Clone(string(data))))
		}
		for _, client := range all() {
			b.Run(provider.Name+" to "+client.Name, func(b *testing.B) {
				b.ReportAllocs()
				var out []byte
				for b.Loop() {
					decoder, encoder := provider.NewDecoder(), client.NewEncoder(asked)
					out = out[:0]
					for _, data := range list {
						steps, err := decoder.Decode(data)
						if err != nil {
							b.Fatal(err)
						}
						for _, e := range steps {
							out = encoder.Encode(out, e)
						}
					}
				}
			})
		}
	}
}
