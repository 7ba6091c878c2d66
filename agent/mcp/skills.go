// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"holdfast/agent/skills"
)

// The extension of the protocol by which a client finds skills with the digests of their files
// (SEP-2640). The files themselves are resources, with it or without.
const (
	skillsExtension = "io.modelcontextprotocol/skills"
	// A page of skills is at most this large; an entry is never split.
	skillsPage  = 50
	skillsBytes = 256 << 10
)

type skillsAsked struct {
	sdk.ParamsBase
	Cursor string `json:"cursor,omitempty"`
}

type skillAsked struct {
	sdk.ParamsBase
	URI string `json:"uri"`
}

type skillsListed struct {
	sdk.ResultBase
	completed
	Skills     []skillEntry `json:"skills"`
	NextCursor string       `json:"nextCursor,omitempty"`
}

type skillGot struct {
	sdk.ResultBase
	completed
	Skill skillEntry `json:"skill"`
}

// completed is what the modern protocol wants of every answer that may be kept.
type completed struct {
	ResultType string `json:"resultType,omitempty"`
	TTLMs      *int64 `json:"ttlMs,omitempty"`
	CacheScope string `json:"cacheScope,omitempty"`
}

type skillEntry struct {
	URI         string          `json:"uri"`
	Frontmatter json.RawMessage `json:"frontmatter"`
	Resources   []skillFile     `json:"resources"`
}

type skillFile struct {
	URI    string `json:"uri"`
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// able adds the extension to what the face says it can, where its view shows skills.
func (f *face) able(can *sdk.ServerCapabilities) *sdk.ServerCapabilities {
	if _, shown := f.view.Skills(); !shown || can == nil {
		return can
	}
	with := *can
	with.Extensions = maps.Clone(can.Extensions)
	with.AddExtension(skillsExtension, nil)
	return &with
}

func (f *face) serveSkills() error {
	return errors.Join(
		sdk.AddReceivingCustomMethod(f.server, "skills/list", f.listSkills),
		sdk.AddReceivingCustomMethod(f.server, "skills/get", f.getSkill),
	)
}

// shownSkills are the skills of the view, by address.
func (f *face) shownSkills() ([]skills.Skill, error) {
	list, shown := f.view.Skills()
	if !shown {
		return nil, &jsonrpc.Error{Code: jsonrpc.CodeMethodNotFound, Message: "there are no skills here"}
	}
	return slices.SortedFunc(slices.Values(list), func(a, b skills.Skill) int { return strings.Compare(a.URI, b.URI) }), nil
}

// listSkills answers a page. Its cursor is the address that it ended with, so that skills which come
// and go between two pages harm neither.
func (f *face) listSkills(_ context.Context, _ *sdk.ServerSession, asked *skillsAsked) (*skillsListed, error) {
	list, err := f.shownSkills()
	if err != nil {
		return nil, err
	}
	page := &skillsListed{Skills: []skillEntry{}}
	cursor := ""
	if asked != nil {
		cursor, page.completed = asked.Cursor, completedFor(asked.Meta)
	}
	size := 0
	for _, k := range list {
		if k.URI <= cursor {
			continue
		}
		entry := entryOf(k)
		size += len(entry.Frontmatter)
		for _, file := range entry.Resources {
			size += len(file.URI) + len(file.Digest) + 40
		}
		if n := len(page.Skills); n == skillsPage || n > 0 && size > skillsBytes {
			page.NextCursor = page.Skills[n-1].URI
			break
		}
		page.Skills = append(page.Skills, entry)
	}
	return page, nil
}

func (f *face) getSkill(_ context.Context, _ *sdk.ServerSession, asked *skillAsked) (*skillGot, error) {
	list, err := f.shownSkills()
	if err != nil {
		return nil, err
	}
	if asked != nil {
		for _, k := range list {
			if k.URI == asked.URI {
				return &skillGot{completed: completedFor(asked.Meta), Skill: entryOf(k)}, nil
			}
		}
	}
	return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: "there is no skill of this address: skills/list tells those there are"}
}

func entryOf(k skills.Skill) skillEntry {
	entry := skillEntry{URI: k.URI, Frontmatter: k.Frontmatter, Resources: make([]skillFile, 0, len(k.Files))}
	for _, file := range k.Files {
		entry.Resources = append(entry.Resources, skillFile{URI: file.URI, Digest: file.Digest, Size: file.Size})
	}
	return entry
}

// completedFor is what a request of the modern protocol wants besides; nothing for an older one.
func completedFor(meta sdk.Meta) completed {
	if version, _ := meta[sdk.MetaKeyProtocolVersion].(string); version < modern {
		return completed{}
	}
	fresh := freshFor.Milliseconds()
	return completed{ResultType: "complete", TTLMs: &fresh, CacheScope: "private"}
}
