// SPDX-License-Identifier: Apache-2.0

package upstream

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// an odd is a remote server of sessions that answers methods by what is written here: a result, or,
// beginning with a !, the message of an error.
type odd map[string]func(params string) string

func always(answer string) func(string) string { return func(string) string { return answer } }

func (o odd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		ID, Params json.RawMessage
		Method     string
	}
	if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&asked) != nil {
		http.Error(w, "no", http.StatusMethodNotAllowed)
		return
	}
	if len(asked.ID) == 0 {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	answer := "!there is no " + asked.Method
	switch known := o[asked.Method]; {
	case known != nil:
		answer = known(string(asked.Params))
	case asked.Method == "initialize":
		w.Header().Set("Mcp-Session-Id", "one")
		answer = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{},"prompts":{}},"serverInfo":{"name":"odd","version":"1"}}`
	case asked.Method == "tools/list":
		answer = `{"tools":[{"name":"slow","inputSchema":{"type":"object"}},{"name":"quick","inputSchema":{"type":"object"}}]}`
	case asked.Method == "prompts/list":
		answer = `{"prompts":[]}`
	}
	w.Header().Set("Content-Type", "application/json")
	if said, refused := strings.CutPrefix(answer, "!"); refused {
		_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32601,"message":%q}}`, asked.ID, said)
		return
	}
	_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":`+string(asked.ID)+`,"result":`+answer+`}`)
}

func (o odd) far(t *testing.T) *bench {
	t.Helper()
	b := far(t, Remote{URL: serve(t, o)}, nil)
	<-b.Tried()
	return b
}

// paged is a list that has always one more page, of so many tools.
func paged(each int) func(string) string {
	page := 0
	return func(string) string {
		var tools []string
		for i := range each {
			tools = append(tools, fmt.Sprintf(`{"name":"t%d-%d","inputSchema":{"type":"object"}}`, page, i))
		}
		page++
		return `{"tools":[` + strings.Join(tools, ",") + `],"nextCursor":"` + strconv.Itoa(page) + `"}`
	}
}

// What was left unread of a list is told, whichever bound it was.
func TestACutListIsTold(t *testing.T) {
	for each, c := range map[int]struct {
		taken int
		want  string
	}{
		1:   {100, "it lists its tools on more than 100 pages; the 100 of the first 100 were taken"},
		100: {1000, "it lists more than 1000 tools; the first 1000 were taken"},
		300: {1000, "it lists 1200 tools; the first 1000 were taken"},
	} {
		b := odd{"tools/list": paged(each)}.far(t)
		if o := b.Offer(); len(o.Tools) != c.taken || len(o.Problems) != 1 || o.Problems[0] != (Problem{Part: "tools", Error: c.want}) {
			t.Errorf("of pages of %d it took %d: %+v", each, len(o.Tools), o.Problems)
		}
	}
}

// A server that will not list is told apart from one that cannot be reached.
func TestARefusedListIsTold(t *testing.T) {
	b := odd{"tools/list": always("!boom")}.far(t)
	if got := b.Status().Error; got != "it refused to list its tools: boom" {
		t.Errorf("it says %q", got)
	}
	b = odd{"prompts/list": always("!boom")}.far(t)
	if o := b.Offer(); len(o.Tools) != 2 || len(o.Problems) != 1 || o.Problems[0].Error != "it refused to list its prompts: boom" {
		t.Errorf("it offers %+v", o)
	}
}

// What is not as MCP wants it is told by the names of MCP, not by those of a program.
func TestMisshapenAnswersAreToldInWords(t *testing.T) {
	b := odd{"tools/list": always(`{"tools":5}`)}.far(t)
	if got := b.Status().Error; got != "cannot list its tools: its answer to tools/list is not as MCP wants it: want a list as `tools`" {
		t.Errorf("it says %q", got)
	}
	const said = "the tool server of alpha answered, but not by MCP: its answer to tools/call "
	for answer, want := range map[string]string{
		`5`:                                      said + "is not as MCP wants it: want an object",
		`{"content":[{"type":"text","text":5}]}`: said + "is not as MCP wants it: want a string as `content.0.text`",
		`{"content":[{"type":"hologram"}]}`:      said + `has content of the type "hologram", which MCP does not know there: want text, image, audio, resource_link or resource`,
		`{"content":[{"type":"image","mimeType":"x/y","data":"\u00e4"}]}`: said + "is not as MCP wants it: want base64 as `data` or `blob`",
		`{"content":[null]}`: said + "has no content: want a list, which may be empty, as `content`",
	} {
		b := odd{"tools/call": always(answer)}.far(t)
		_, err := b.Call(t.Context(), Request{Name: "quick"})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v", answer, err)
		}
		if s := b.Status(); s.State != StateServing || s.Starts != 1 {
			t.Errorf("%s: it stands as %+v", answer, s)
		}
	}
}

// TestAServersOwnWordsAreNoMisshapenAnswer: an error of the protocol is what the server said, whatever its words.
func TestAServersOwnWordsAreNoMisshapenAnswer(t *testing.T) {
	for _, words := range []string{"unrecognized content type quick", "the answer is: nil content"} {
		b := odd{"tools/call": always("!" + words)}.far(t)
		if _, err := b.Call(t.Context(), Request{Name: "quick"}); err == nil || err.Error() != "alpha refused quick: "+words {
			t.Errorf("%q is told as %v", words, err)
		}
	}
}
