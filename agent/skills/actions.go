// SPDX-License-Identifier: Apache-2.0

package skills

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"holdfast"
	"holdfast/core/action"
	"holdfast/core/house"
)

type listOutput struct {
	Skills   []listed           `json:"skills"`
	Problems []holdfast.Problem `json:"problems"`
}

// listed is a skill in a list, for which its files and its whole front are too much.
type listed struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Source      string `json:"source"`
	URI         string `json:"uri"`
	Files       int    `json:"files"`
	Withheld    string `json:"withheld,omitempty" help:"why it is not offered"`
}

type showInput struct {
	Name string `json:"name" required:"true" pos:"1" help:"name of the skill, or extension/name where two share one"`
	File string `json:"file" help:"a file of the skill's folder instead of its SKILL.md"`
}

type showOutput struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Source      string `json:"source"`
	File        string `json:"file"`
	Text        string `json:"text"`
	Files       []File `json:"files"`
}

// Capability is what the skills contribute to the house.
func (s *Skills) Capability() house.Capability {
	return house.Capability{
		Name: "skills",
		Actions: []holdfast.Action{
			action.NewAction(holdfast.Action{
				Name: "skill.list", Short: "skills", Summary: "List the skills of the home and of extensions",
				Help: "A skill is a folder with a SKILL.md in skills/ of the home or of an extension.",
				Tier: holdfast.TierTenantPeer, Effect: holdfast.EffectRead, Examples: []string{"holdfast skills"},
			}, s.list),
			action.NewAction(holdfast.Action{
				Name: "skill.show", Summary: "Show a skill, or a file of its folder",
				Tier: holdfast.TierTenantPeer, Effect: holdfast.EffectRead,
				Examples: []string{"holdfast skill show minutes", "holdfast skill show minutes --file references/forms.md"},
			}, s.show),
		},
		Checks: []holdfast.Check{{Name: "skills", Run: s.check}},
		Keep:   []house.Keep{{Name: "skills", Patterns: []string{"skills/**"}}},
		Reason: "it only reads folders when it is asked",
	}
}

func (s *Skills) list(ctx context.Context, _ action.Nothing) (listOutput, error) {
	skills, problems := s.List()
	out := listOutput{Skills: []listed{}, Problems: problems}
	all := holdfast.CallerFrom(ctx).Tier >= holdfast.TierOperator
	if !all {
		out.Problems = []holdfast.Problem{}
	}
	for _, k := range skills {
		if k.Withheld == "" {
			out.Skills = append(out.Skills, listed{Name: k.Name, Description: k.Description, Source: k.Source, URI: k.URI, Files: len(k.Files)})
			continue
		}
		if all { // and not its words, which are why it is withheld
			out.Skills = append(out.Skills, listed{Name: k.Name, Source: k.Source, URI: k.URI, Files: len(k.Files), Withheld: k.Withheld})
		}
	}
	return out, nil
}

func (s *Skills) show(_ context.Context, in showInput) (showOutput, error) {
	k, err := s.Find(in.Name)
	if err != nil {
		return showOutput{}, err
	}
	text, err := s.Read(k, in.File)
	if err != nil {
		return showOutput{}, err
	}
	if !utf8.Valid(text) || slices.Contains(text, 0) {
		return showOutput{}, holdfast.Errorf(holdfast.CodeConflict, "%s of the skill %s is no text", in.File, k.Name)
	}
	out := showOutput{Name: k.Name, Description: k.Description, Source: k.Source, File: in.File, Text: string(text), Files: k.Files}
	if out.File == "" {
		out.File = manifestName
	}
	return out, nil
}

// check tells of folders that are no skills, and of skills that are withheld.
func (s *Skills) check(context.Context) holdfast.CheckResult {
	skills, problems := s.List()
	result := holdfast.CheckResult{Check: "skills", Status: holdfast.StatusOK, Detail: "all are read", Values: map[string]float64{"skills": float64(len(skills))}}
	var wrong []string
	for _, p := range problems {
		wrong = append(wrong, p.String())
	}
	for _, k := range skills {
		if k.Withheld != "" {
			wrong = append(wrong, k.path()+" is withheld: "+k.Withheld)
		}
	}
	if len(wrong) > 0 {
		result.Status, result.Detail = holdfast.StatusWarn, strings.Join(wrong[:min(len(wrong), 5)], "; ")
	}
	return result
}
