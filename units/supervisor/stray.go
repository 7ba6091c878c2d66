// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// strays finds and ends the processes of this house that neither a unit nor another part of it
// accounts for.
type strays struct {
	host  process.Host
	house string
	// present names the launch that a unit runs now, empty for none.
	present func(unit string) (launch string)

	mu     sync.Mutex
	claims []func(process.Mark) bool
}

// claim adds a part of the house that keeps processes of its own.
func (s *strays) claim(mine func(process.Mark) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.claims = append(s.claims, mine)
}

// accounts tells whether a launch belongs to a unit as it runs now, or to who claimed it.
func (s *strays) accounts(mark process.Mark) bool {
	if launch := s.present(mark.Unit); launch != "" && launch == strings.TrimSuffix(mark.Launch, probeSuffix) {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.claims, func(mine func(process.Mark) bool) bool { return mine(mark) })
}

func (s *strays) list() ([]Stray, error) {
	found, err := s.host.Marked(s.house)
	if err != nil {
		return nil, err
	}
	all := []Stray{}
	for _, f := range withoutOutsiders(found) {
		if !s.accounts(f.Mark) {
			all = append(all, Stray{PID: f.PID, Name: f.Name, Unit: f.Mark.Unit, Launch: f.Mark.Launch, Start: f.Start})
		}
	}
	slices.SortFunc(all, func(a, b Stray) int { return a.PID - b.PID })
	return all, nil
}

func (s *strays) inventory(context.Context, reapIn) ([]holdfast.Category, error) {
	all, err := s.list()
	if err != nil {
		return nil, err
	}
	category := reapCategory()
	for _, stray := range all {
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
func (s *strays) reap(ctx context.Context, _ reapIn) (reapOut, error) {
	all, err := s.list()
	if err != nil {
		return reapOut{}, err
	}
	for _, stray := range all {
		mark := process.Mark{House: s.house, Unit: stray.Unit, Launch: stray.Launch}
		if err := s.host.EndMarked(ctx, mark, syscall.SIGTERM, defaultGrace); err != nil {
			return reapOut{}, err
		}
	}
	return reapOut{Ended: all}, nil
}
