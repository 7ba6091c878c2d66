// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/skills"
	"holdfast/agent/upstream"
)

// TestLargePromptsAndResourcesAreCut holds what a server fills in or reads to tools.result, and says
// so in its place; what fits is left as it is.
func TestLargePromptsAndResourcesAreCut(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{"mcp_servers": {"bare": {"upstreams": ["notes"], "prefix": false}}}`)
	b.section.Result = 4096
	b.up()
	for name, view := range map[string]View{"all": b.View(client(), Scope{}), "bare": b.View(client(), Scope{Hub: "bare"})} {
		for size, cut := range map[int]bool{2000: false, 6000: true} {
			filled, err := view.Prompt(t.Context(), upstream.Request{Name: "minutes", Arguments: json.RawMessage(fmt.Sprintf(`{"who":%q}`, strings.Repeat("ä", size/2)))})
			if err != nil {
				t.Fatal(err)
			}
			text := filled.Messages[0].Content.(*mcp.TextContent).Text
			if told := strings.Contains(text, "[cut: the prompt is larger than 4096 bytes]"); told != cut || len(text) > 4096+100 || !strings.Contains(text, "ää") {
				t.Errorf("%s: a prompt of %d bytes came as %d, cut: %v", name, size, len(text), told)
			}
			read, err := view.Read(t.Context(), upstream.Request{Name: "notes://one/" + strings.Repeat("x", size)})
			if err != nil {
				t.Fatal(err)
			}
			text = read.Contents[0].Text
			if told := strings.Contains(text, "[cut: the resource is larger than 4096 bytes]"); told != cut || len(text) > 4096+100 || !strings.HasPrefix(text, "content of notes") {
				t.Errorf("%s: a resource of %d bytes came as %d, cut: %v", name, size, len(text), told)
			}
		}
	}
}

// TestWhatCannotBeCutIsLeftOut: half an image is none.
func TestWhatCannotBeCutIsLeftOut(t *testing.T) {
	read := &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: "a://1", Blob: make([]byte, 60)}, {URI: "a://2", Blob: make([]byte, 60)}}}
	if size := cutResource(read, 100); size != 120 || len(read.Contents[0].Blob) != 60 || read.Contents[1].Blob != nil ||
		!strings.Contains(read.Contents[1].Text, "[cut:") {
		t.Errorf("%d %+v", size, read.Contents[1])
	}
	filled := &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{
		{Role: "user", Content: &mcp.TextContent{Text: "look:"}},
		{Role: "user", Content: &mcp.ImageContent{Data: make([]byte, 200), MIMEType: "image/png"}},
		{Role: "user", Content: &mcp.TextContent{Text: "and?"}},
	}}
	cutPrompt(filled, 100)
	if len(filled.Messages) != 2 || filled.Messages[0].Content.(*mcp.TextContent).Text != "look:" ||
		!strings.Contains(filled.Messages[1].Content.(*mcp.TextContent).Text, "[cut:") {
		t.Errorf("%+v", filled.Messages)
	}
}

// TestWhatStandsBesideAnAnswerIsBounded too.
func TestWhatStandsBesideAnAnswerIsBounded(t *testing.T) {
	large := strings.Repeat("x", 200)
	r := fromMCP(&mcp.CallToolResult{Meta: mcp.Meta{"own": large}, Content: []mcp.Content{&mcp.TextContent{Text: "x"}}}, 100)
	if r.Meta != nil || !r.Cut || !strings.Contains(r.Text, "[cut:") {
		t.Errorf("%+v", r)
	}
	filled := &mcp.GetPromptResult{Description: large}
	cutPrompt(filled, 100)
	if len(filled.Description) > 110 {
		t.Errorf("%d bytes", len(filled.Description))
	}
}

// TestWhatStandsBesideABlockCounts: it goes first, and is told of as what is cut.
func TestWhatStandsBesideABlockCounts(t *testing.T) {
	large := strings.Repeat("x", 200)
	meta, notes := mcp.Meta{"own": large}, &mcp.Annotations{LastModified: large}
	few := &mcp.Annotations{Audience: []mcp.Role{"user"}}
	resource := func(m mcp.Meta) mcp.Content {
		return &mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "a://1", Text: "milk", Meta: m}}
	}
	for name, c := range map[string]struct {
		given, want mcp.Content
	}{
		"text and its meta":           {&mcp.TextContent{Text: "milk", Meta: meta, Annotations: few}, &mcp.TextContent{Text: "milk", Annotations: few}},
		"text and its annotations":    {&mcp.TextContent{Text: "milk", Annotations: notes}, &mcp.TextContent{Text: "milk"}},
		"an image":                    {&mcp.ImageContent{Data: []byte("p"), MIMEType: "image/png", Meta: meta}, &mcp.ImageContent{Data: []byte("p"), MIMEType: "image/png"}},
		"a sound":                     {&mcp.AudioContent{Data: []byte("p"), MIMEType: "audio/wav", Annotations: notes}, &mcp.AudioContent{Data: []byte("p"), MIMEType: "audio/wav"}},
		"a link":                      {&mcp.ResourceLink{URI: "a://1", Name: "one", Meta: meta}, &mcp.ResourceLink{URI: "a://1", Name: "one"}},
		"a resource":                  {resource(meta), resource(nil)},
		"a resource that is not":      {&mcp.EmbeddedResource{Meta: meta}, nil},
		"an image that is too large":  {&mcp.ImageContent{Data: make([]byte, 200), MIMEType: "image/png", Meta: meta}, nil},
		"text that is too large also": {&mcp.TextContent{Text: strings.Repeat("m", 300), Meta: meta, Annotations: few}, &mcp.TextContent{Text: strings.Repeat("m", 79) + "…", Annotations: few}},
	} {
		r := fromMCP(&mcp.CallToolResult{Content: []mcp.Content{c.given}}, 100)
		want := []mcp.Content{}
		if c.want != nil {
			want = append(want, c.want)
		}
		want = append(want, &mcp.TextContent{Text: "[cut: the result was larger than 100 bytes]"})
		got, _ := json.Marshal(r.Content)
		if wanted, _ := json.Marshal(want); string(got) != string(wanted) || !r.Cut {
			t.Errorf("%s:\n got %s\nwant %s", name, got, wanted)
		}
	}
	whole := &mcp.TextContent{Text: "milk", Meta: mcp.Meta{"own": "x"}, Annotations: few}
	if r := fromMCP(&mcp.CallToolResult{Content: []mcp.Content{whole}}, 100); r.Cut || len(r.Content) != 1 || r.Content[0] != whole {
		t.Errorf("what fits is %+v", r)
	}
	// Many small things beside many blocks count together.
	var many []mcp.Content
	for range 10 {
		many = append(many, &mcp.TextContent{Text: "m", Meta: mcp.Meta{"own": strings.Repeat("x", 30)}})
	}
	encoded, _ := json.Marshal(fromMCP(&mcp.CallToolResult{Content: many}, 100).Content)
	if n := strings.Count(string(encoded), "own"); n != 2 {
		t.Errorf("%d of 10 fit: %s", n, encoded)
	}
}

// TestWhatStandsBesideAResourceCounts as well.
func TestWhatStandsBesideAResourceCounts(t *testing.T) {
	meta := mcp.Meta{"own": strings.Repeat("x", 200)}
	read := &mcp.ReadResourceResult{Meta: meta, Contents: []*mcp.ResourceContents{
		{URI: "a://1", Text: "milk", Meta: meta}, {URI: "a://2", Blob: make([]byte, 30), Meta: meta}, {URI: "a://3", Text: "bread"},
	}}
	if size := cutResource(read, 100); size < 600 || read.Meta != nil || len(read.Contents) != 5 {
		t.Fatalf("%d %+v", size, read)
	}
	const notice = "[cut: the resource is larger than 100 bytes]"
	if c := read.Contents; c[0].Text != "milk\n"+notice || c[0].Meta != nil || len(c[1].Blob) != 30 || c[1].Meta != nil ||
		c[2].Text != "bread" || c[3].Text != notice || c[3].URI != "a://2" || c[4].Text != notice || c[4].URI != "a://3" {
		got, _ := json.Marshal(c)
		t.Errorf("%s", got)
	}
}

// TestLargeSkillIsCutAsAPrompt, and one view has skills and another none.
func TestLargeSkillIsCutAsAPrompt(t *testing.T) {
	b := newBench(t, libraryServer(t, "notes", notesLibrary())).governed(`{"mcp_servers": {"notes": {"upstreams": ["notes"]}}}`)
	folder := b.home.Path("skills/tidy")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "---\nname: tidy\ndescription: Tidies notes.\n---\n" + strings.Repeat("Do it. ", 2000)
	if err := os.WriteFile(folder+"/SKILL.md", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	needs := b.needs
	needs.Skills = skills.New(skills.Needs{Home: b.home})
	b.Catalogue = New(needs)
	b.section.Result = 4096
	b.up()
	filled, err := b.View(client(), Scope{}).Prompt(t.Context(), upstream.Request{Name: "tidy"})
	if err != nil {
		t.Fatal(err)
	}
	if got := filled.Messages[0].Content.(*mcp.TextContent).Text; len(got) > 4096+100 || !strings.Contains(got, "[cut:") {
		t.Errorf("it came as %d bytes", len(got))
	}
	if list, shown := b.View(client(), Scope{}).Skills(); !shown || len(list) != 1 || list[0].Name != "tidy" {
		t.Errorf("skills are %+v, %v", list, shown)
	}
	if list, shown := b.View(client(), Scope{Hub: "notes"}).Skills(); shown || len(list) != 0 {
		t.Errorf("a hub of another server shows %+v", list)
	}
}
