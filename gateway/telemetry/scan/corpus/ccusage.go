// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"

	"holdfast"
)

// A Cell is what one model was used for on one day, in UTC.
type Cell struct{ Day, Model string }

// Sums are tokens by day and model.
type Sums map[Cell]holdfast.Usage

// Add adds a call as the other counter knows calls: without the life of what was written to a cache.
func (s Sums) Add(at time.Time, model string, u holdfast.Usage) {
	s.add(at.UTC().Format(time.DateOnly), model, u)
}

func (s Sums) add(day, model string, u holdfast.Usage) {
	u.CacheWrite5m += u.CacheWrite1h
	u.CacheWrite1h = 0
	if u.Total() > 0 {
		s[Cell{day, model}] = s[Cell{day, model}].Add(u)
	}
}

// Total is all of it.
func (s Sums) Total() (all holdfast.Usage) {
	for _, u := range s {
		all = all.Add(u)
	}
	return all
}

// Ccusage asks ccusage what the logs of one agent below a user's folder hold: its sums, and the tokens
// of all classes that it says there are. What it has in that number beyond the classes is reasoning,
// which it counts beside output, except of Codex.
func Ccusage(ctx context.Context, program, home, agent string) (Sums, int64, error) {
	cmd := exec.CommandContext(ctx, program, agent, "daily", "--offline", "--json", "--timezone", "UTC")
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH")}
	out, err := cmd.Output()
	if err != nil {
		return nil, 0, fmt.Errorf("cannot ask ccusage: %w", err)
	}
	type classes struct{ InputTokens, OutputTokens, CacheCreationTokens, CacheReadTokens, ReasoningOutputTokens int64 }
	var report struct {
		Daily []struct {
			Date            string
			ModelBreakdowns []struct {
				ModelName string
				classes
			}
			Models map[string]classes
		}
		Totals struct{ TotalTokens int64 }
	}
	if err := json.Unmarshal(out, &report); err != nil {
		return nil, 0, fmt.Errorf("cannot read what ccusage says: %w", err)
	}
	sums := Sums{}
	take := func(day, model string, c classes) {
		sums.add(day, model, holdfast.Usage{
			Input: c.InputTokens, Output: c.OutputTokens, CacheWrite5m: c.CacheCreationTokens, CachedRead: c.CacheReadTokens, Reasoning: c.ReasoningOutputTokens,
		})
	}
	for _, d := range report.Daily {
		for _, m := range d.ModelBreakdowns {
			take(d.Date, m.ModelName, m.classes)
		}
		for name, m := range d.Models {
			take(d.Date, name, m)
		}
	}
	return sums, report.Totals.TotalTokens, nil
}
