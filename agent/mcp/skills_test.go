// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/skills"
)

func skillNamed(name, front string) skills.Skill {
	return skills.Skill{
		Name: name, URI: "skill://" + name + "/SKILL.md", Frontmatter: json.RawMessage(front),
		Files: []skills.File{{Path: "SKILL.md", URI: "skill://" + name + "/SKILL.md", Size: 7, Digest: "sha256:" + strings.Repeat("a", 64)}},
	}
}

// hunter is a client that knows the extension for skills.
func hunter(t *testing.T, url, version string) *sdk.ClientSession {
	t.Helper()
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "1"}, nil)
	if err := errors.Join(
		sdk.AddSendingCustomMethod[*skillsAsked, *skillsListed](client, "skills/list"),
		sdk.AddSendingCustomMethod[*skillAsked, *skillGot](client, "skills/get"),
	); err != nil {
		t.Fatal(err)
	}
	return session(t, client, url, version)
}

func codeOf(err error) int64 {
	if said, ok := errors.AsType[*jsonrpc.Error](err); ok {
		return said.Code
	}
	return 0
}

// TestSkillsAreListedAndGot page by page, each once and whole.
func TestSkillsAreListedAndGot(t *testing.T) {
	both(t, func(t *testing.T, version string) {
		books := stocked()
		large := `{"description":"` + strings.Repeat("x", 150<<10) + `"}`
		for i := range 2*skillsPage + 7 {
			books.skills = append(books.skills, skillNamed(fmt.Sprintf("s%03d", i), `{"name":"x","metadata":{"version":"2"}}`))
		}
		books.skills = append(books.skills, skillNamed("t1", large), skillNamed("t2", large))
		slices.Reverse(books.skills)
		_, url := endpoint(t, books)
		client := hunter(t, url, version)
		if client.InitializeResult().Capabilities.Extensions[skillsExtension] == nil {
			t.Errorf("it can %+v", client.InitializeResult().Capabilities)
		}
		var found []string
		pages := 0
		for cursor := ""; pages == 0 || cursor != ""; pages++ {
			page, err := sdk.CallCustomMethod[*skillsAsked, *skillsListed](t.Context(), client, "skills/list", &skillsAsked{Cursor: cursor})
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Skills) == 0 || (version == modern) != (page.TTLMs != nil && page.CacheScope == "private" && page.ResultType == "complete") {
				t.Fatalf("%d: %+v", pages, page)
			}
			for _, k := range page.Skills {
				found = append(found, k.URI)
			}
			cursor = page.NextCursor
		}
		if pages != 4 || len(found) != len(books.skills) || !slices.IsSorted(found) || len(slices.Compact(found)) != len(books.skills) {
			t.Errorf("%d pages: %v", pages, found)
		}
		got, err := sdk.CallCustomMethod[*skillAsked, *skillGot](t.Context(), client, "skills/get", &skillAsked{URI: "skill://s042/SKILL.md"})
		if err != nil || string(got.Skill.Frontmatter) != `{"name":"x","metadata":{"version":"2"}}` || len(got.Skill.Resources) != 1 || got.Skill.Resources[0].Size != 7 {
			t.Errorf("%+v %v", got, err)
		}
		for _, uri := range []string{"", "skill://nowhere/SKILL.md", "skill://s042"} {
			if _, err := sdk.CallCustomMethod[*skillAsked, *skillGot](t.Context(), client, "skills/get", &skillAsked{URI: uri}); codeOf(err) != jsonrpc.CodeInvalidParams {
				t.Errorf("%q: %v", uri, err)
			}
		}
		hub := hunter(t, url+"/mcp/bare", version)
		if _, err := sdk.CallCustomMethod[*skillsAsked, *skillsListed](t.Context(), hub, "skills/list", &skillsAsked{}); codeOf(err) != jsonrpc.CodeMethodNotFound {
			t.Errorf("a hub without skills lists them: %v", err)
		}
		if hub.InitializeResult().Capabilities.Extensions[skillsExtension] != nil {
			t.Error("a hub without skills says that it has them")
		}
	})
}
