// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast"
	"holdfast/agent/plain"
)

// A Result is what a tool answered. Text is for a model; Content is the same as MCP content blocks
// (images and resources too), nil when there is only the text.
type Result struct {
	holdfast.ToolResult
	Content []mcp.Content `json:"-"`
	// Pending is the approval that a destroying action waits for.
	Pending string `json:"pending,omitempty"`
	// Cut tells that the result was larger than the limit.
	Cut bool `json:"cut,omitempty"`
	// Asks and State are of a call that goes on when it is made again with the answers; nil when the
	// call is whole.
	Asks  mcp.InputRequestMap `json:"-"`
	State string              `json:"-"`
	// Meta is what the server says beside its answer, for views that show it as it is.
	Meta mcp.Meta `json:"-"`
}

func failed(text string) Result {
	return Result{ToolResult: holdfast.ToolResult{Text: text, Failed: true}}
}

// fromMCP turns a server's answer into a result no larger than the limit.
func fromMCP(answer *mcp.CallToolResult, limit int) Result {
	r := Result{ToolResult: holdfast.ToolResult{Failed: answer.IsError}, Asks: answer.InputRequests, State: answer.RequestState, Meta: answer.Meta}
	texts := []string{}
	if answer.Content != nil {
		r.Content = []mcp.Content{}
	}
	if sizeOf(r.Meta) > limit {
		r.Meta, r.Cut = nil, true
	}
	left := limit
	for _, block := range answer.Content {
		kept, size := fit(block, left)
		if kept == nil {
			r.Cut = true
			continue
		}
		r.Cut = r.Cut || kept != block
		left -= size
		r.Content = append(r.Content, kept)
		texts = append(texts, describe(kept))
	}
	r.Text = strings.Join(texts, "\n")
	r.structured(answer.StructuredContent, limit)
	if r.Cut {
		notice := fmt.Sprintf("[cut: the result was larger than %d bytes]", limit)
		r.Text += "\n" + notice
		r.Content = append(r.Content, &mcp.TextContent{Text: notice})
	}
	return r
}

// structured keeps structured content that fits; what does not fit would not match its schema when
// cut, so the result is then a failure that says so.
func (r *Result) structured(content any, limit int) {
	if content == nil {
		return
	}
	encoded, err := json.Marshal(content)
	switch {
	case err != nil || len(encoded) > limit:
		r.Cut, r.Failed = true, true
	default:
		r.Structured = encoded
		if r.Text == "" {
			r.Text = string(encoded)
		}
	}
}

// fit answers a block that takes at most left bytes, nil when it cannot be cut to that. What stands
// beside its content counts too, and goes first.
func fit(block mcp.Content, left int) (mcp.Content, int) {
	text, ok := block.(*mcp.TextContent)
	if !ok {
		for _, kept := range []mcp.Content{block, withoutMeta(block)} {
			if encoded, err := json.Marshal(kept); err == nil && len(encoded) <= left {
				return kept, len(encoded)
			}
		}
		return nil, 0
	}
	clean, notes := strings.ToValidUTF8(text.Text, "�"), sizeOf(text.Annotations)
	if size := len(clean) + notes + sizeOf(text.Meta); size <= left {
		return block, size
	}
	kept := &mcp.TextContent{Text: clean, Annotations: text.Annotations}
	if notes > left {
		kept.Annotations, notes = nil, 0
	}
	if len(clean) <= left-notes {
		return kept, len(clean) + notes
	}
	if left <= notes {
		return nil, 0
	}
	kept.Text = plain.Cut(clean, left-notes)
	return kept, left
}

// sizeOf is what something takes as JSON; nothing when it is empty.
func sizeOf[T *mcp.Annotations | mcp.Meta](beside T) int {
	encoded, err := json.Marshal(beside)
	switch {
	case err != nil:
		return math.MaxInt32 // too large for every limit
	case string(encoded) == "null", string(encoded) == "{}":
		return 0
	}
	return len(encoded)
}

// withoutMeta is a block without what a server attached to it.
func withoutMeta(block mcp.Content) mcp.Content {
	switch b := block.(type) {
	case *mcp.ImageContent:
		return &mcp.ImageContent{Data: b.Data, MIMEType: b.MIMEType}
	case *mcp.AudioContent:
		return &mcp.AudioContent{Data: b.Data, MIMEType: b.MIMEType}
	case *mcp.ResourceLink:
		link := *b
		link.Meta, link.Annotations = nil, nil
		return &link
	case *mcp.EmbeddedResource:
		if b.Resource == nil {
			return block // which is none
		}
		inner := *b.Resource
		inner.Meta = nil
		return &mcp.EmbeddedResource{Resource: &inner}
	}
	return block
}

// describe is a block as a model reads it.
func describe(block mcp.Content) string {
	switch b := block.(type) {
	case *mcp.TextContent:
		return strings.ToValidUTF8(b.Text, "�")
	case *mcp.ImageContent:
		return fmt.Sprintf("[image %s, %d bytes]", b.MIMEType, len(b.Data))
	case *mcp.AudioContent:
		return fmt.Sprintf("[audio %s, %d bytes]", b.MIMEType, len(b.Data))
	case *mcp.ResourceLink:
		return fmt.Sprintf("[resource %s %s]", b.Name, b.URI)
	case *mcp.EmbeddedResource:
		if b.Resource != nil && b.Resource.Text != "" {
			return b.Resource.Text
		}
		if b.Resource != nil {
			return fmt.Sprintf("[resource %s %s, %d bytes]", b.Resource.URI, b.Resource.MIMEType, len(b.Resource.Blob))
		}
	}
	return "[content of another kind]"
}

// Blocks is the result as MCP content blocks.
func (r Result) Blocks() []mcp.Content {
	if r.Content != nil {
		return r.Content
	}
	return []mcp.Content{&mcp.TextContent{Text: r.Text}}
}
