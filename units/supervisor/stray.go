// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"holdfast"
	"holdfast/core/process"
)

// A Stray is a marked process that no present unit accounts for.
type Stray struct {
	PID    int    `json:"pid" help:"process id"`
	Name   string `json:"name" help:"program"`
	Unit   string `json:"unit" help:"unit that its mark names"`
	Launch string `json:"launch" help:"launch that its mark names"`
	Start  uint64 `json:"start" help:"start time, in ticks since boot"`
}

// strays lists the processes of this house that neither a unit nor another part of it accounts for.
func (s *Supervisor) strays() ([]Stray, error) {
	found, err := s.host.Marked(s.house)
	if err != nil {
		return nil, err
	}
	strays := []Stray{}
	for _, f := range found {
		if !s.accounts(f.Mark) {
			strays = append(strays, Stray{PID: f.PID, Name: f.Name, Unit: f.Mark.Unit, Launch: f.Mark.Launch, Start: f.Start})
		}
	}
	slices.SortFunc(strays, func(a, b Stray) int { return a.PID - b.PID })
	return strays, nil
}

// accounts tells whether a launch belongs to a unit as it runs now, or to who claimed it.
func (s *Supervisor) accounts(mark process.Mark) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.keepers[mark.Unit]; ok && k.child != nil &&
		k.child.Identity().Mark.Launch == strings.TrimSuffix(mark.Launch, probeSuffix) {
		return true
	}
	return slices.ContainsFunc(s.claims, func(mine func(process.Mark) bool) bool { return mine(mark) })
}

func (s *Supervisor) strayInventory(context.Context, reapIn) ([]holdfast.Category, error) {
	strays, err := s.strays()
	if err != nil {
		return nil, err
	}
	category := reapCategory()
	for _, stray := range strays {
		category.Items = append(category.Items, holdfast.Item{
			ID: fmt.Sprintf("%d@%d %s", stray.PID, stray.Start, stray.Name), Kind: "process of " + stray.Unit,
		})
	}
	return []holdfast.Category{category}, nil
}

func reapCategory() holdfast.Category {
	return holdfast.Category{
		Name: "processes", Summary: "marked processes without a unit; they end and do not come back",
		Returns: holdfast.ReturnsNever,
	}
}

// reap ends the strays; the confirmation was for exactly these.
func (s *Supervisor) reap(ctx context.Context, _ reapIn) (reapOut, error) {
	strays, err := s.strays()
	if err != nil {
		return reapOut{}, err
	}
	for _, stray := range strays {
		mark := process.Mark{House: s.house, Unit: stray.Unit, Launch: stray.Launch}
		if err := s.host.EndMarked(ctx, mark, syscall.SIGTERM, defaultGrace); err != nil {
			return reapOut{}, err
		}
	}
	return reapOut{Ended: strays}, nil
}
