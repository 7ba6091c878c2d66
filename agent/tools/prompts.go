// SPDX-License-Identifier: Apache-2.0

package tools

import (
	"context"

	"holdfast"
	"holdfast/core/action"
)

type promptList struct {
	Prompts []PromptEntry `json:"prompts"`
}

type resourceList struct {
	Resources []ResourceEntry `json:"resources"`
	Templates []TemplateEntry `json:"templates"`
}

func (d desk) offerActions() []holdfast.Action {
	return []holdfast.Action{
		action.NewAction(holdfast.Action{
			Name: "prompt.list", Summary: "List the prompts of tool servers and skills", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
		}, d.promptList),
		action.NewAction(holdfast.Action{
			Name: "resource.list", Summary: "List the resources of tool servers and skills", Tier: holdfast.TierOperator, Effect: holdfast.EffectRead,
		}, d.resourceList),
	}
}

// promptList lists those that are withheld too, as resourceList does.
func (d desk) promptList(ctx context.Context, _ action.Nothing) (promptList, error) {
	out := promptList{Prompts: []PromptEntry{}}
	if err := d.settle(ctx); err != nil {
		return out, err
	}
	for _, e := range d.snapshot().prompts {
		out.Prompts = append(out.Prompts, e.PromptEntry)
	}
	return out, nil
}

func (d desk) resourceList(ctx context.Context, _ action.Nothing) (resourceList, error) {
	out := resourceList{Resources: []ResourceEntry{}, Templates: []TemplateEntry{}}
	if err := d.settle(ctx); err != nil {
		return out, err
	}
	shown := d.snapshot()
	for _, e := range shown.resources {
		out.Resources = append(out.Resources, e.ResourceEntry)
	}
	for _, e := range shown.templates {
		out.Templates = append(out.Templates, e.TemplateEntry)
	}
	return out, nil
}
