// SPDX-License-Identifier: Apache-2.0

package anthropic

import (
	"cmp"
	"strconv"
	"strings"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
)

// leastBudget is the smallest budget for thinking that the API takes.
const leastBudget = 1024

// mostLimit is the largest limit that every model takes which thinks by budget.
const mostLimit = 32000

// thinkPlan is how a request asks for thinking.
type thinkPlan struct {
	mode, display, effort string
	budget, limit         int64
}

// planThinking chooses how to ask for thinking and the limit that holds thinking and answer. Claude
// since 4.6 thinks by itself and is told an effort; older ones, and the models of others who speak the
// dialect, are told a budget, which an effort is translated to (low 1,024, medium 4,096, high 16,384,
// xhigh and max 32,000 tokens) as far as the client's limit leaves room.
func planThinking(r *dialect.Request) (thinkPlan, error) {
	p := thinkPlan{limit: r.MaxOutput}
	if p.limit == 0 {
		p.limit = DefaultMaxTokens
	}
	how := r.Reasoning
	switch {
	case how == nil:
		return p, nil
	case how.Off || how.Effort == "none":
		p.mode = "disabled"
		return p, nil
	}
	budget, effort, err := amount(how)
	if err != nil {
		return p, err
	}
	if how.Summary != "" {
		p.display = "summarized"
	}
	if how.Budget == 0 && thinksByItself(r.Model) {
		p.mode, p.effort = "adaptive", effort
		return p, nil
	}
	return p.byBudget(r, budget), nil
}

// amount reads how much shall be thought.
func amount(how *dialect.Reasoning) (budget int64, effort string, err error) {
	effort = how.Effort
	switch how.Effort {
	case "minimal":
		budget, effort = leastBudget, "low"
	case "low":
		budget = leastBudget
	case "", "medium":
		budget = 4096
	case "high":
		budget = 16384
	case "xhigh", "max":
		budget = 32000
	default:
		return 0, "", wire.WrongField("reasoning_effort", "%q cannot be put to a model that speaks Anthropic's Messages API", how.Effort)
	}
	if how.Budget > 0 {
		budget = max(how.Budget, leastBudget)
	}
	return budget, effort, nil
}

// byBudget asks for thinking within a budget, which is smaller than the limit. Where the limit leaves
// too little, or calls of tools are being answered that were made without thinking, the API takes no
// thinking and none is asked for.
func (p thinkPlan) byBudget(r *dialect.Request, budget int64) thinkPlan {
	if r.MaxOutput == 0 {
		p.limit = min(p.limit+budget, mostLimit)
	}
	budget = min(budget, p.limit*3/4)
	if budget < leastBudget || amidUnsignedCalls(r.Messages) {
		return thinkPlan{limit: p.limit}
	}
	p.mode, p.budget = "enabled", budget
	return p
}

// amidUnsignedCalls tells whether the conversation ends in results of calls whose turn does not begin
// with thinking that is signed.
func amidUnsignedCalls(messages []dialect.Message) bool {
	at := len(messages) - 1
	for at >= 0 && messages[at].Role == dialect.ToolRole {
		at--
	}
	if at < 0 || at == len(messages)-1 || messages[at].Role != dialect.Assistant {
		return false
	}
	for _, p := range messages[at].Parts {
		if p.Kind == dialect.PartThinking && returns(p.Thinking) {
			return false
		}
	}
	return true
}

// returns tells whether thinking may go back to the API, which takes none but its own.
func returns(t *dialect.Thinking) bool {
	if t == nil {
		return false
	}
	own := cmp.Or(t.Redacted, t.Signature)
	return own != "" && !foreign(own)
}

// thinksByItself tells the models with adaptive thinking: Claude from 4.6 on, and those without a
// version in their name, which came later.
func thinksByItself(model string) bool {
	major, minor, isClaude := claudeVersion(model)
	return isClaude && (major == 0 || major > 4 || (major == 4 && minor >= 6))
}

// hearsLateSystem tells the models that take system messages amid the conversation: Claude from
// Opus 4.8 and from 5 on, but for Sonnet 5.
func hearsLateSystem(model string) bool {
	major, minor, isClaude := claudeVersion(model)
	if !isClaude || strings.Contains(model, "claude-sonnet-5") && minor == 0 {
		return false
	}
	return major > 4 || (major == 4 && minor >= 8)
}

// claudeVersion reads the version out of names such as claude-3-7-sonnet-20250219,
// claude-opus-4-6@default or anthropic/claude-sonnet-4.5; 0 for what is not in the name.
func claudeVersion(model string) (major, minor int, isClaude bool) {
	_, name, isClaude := strings.Cut(strings.ToLower(model), "claude")
	var numbers []int
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-.@_:/", r) }) {
		n, err := strconv.Atoi(word)
		switch {
		case err == nil && len(word) <= 2:
			numbers = append(numbers, n)
		case len(numbers) > 0: // what follows the version is a date or a name
			return versionOf(numbers, isClaude)
		}
	}
	return versionOf(numbers, isClaude)
}

func versionOf(numbers []int, isClaude bool) (major, minor int, claude bool) {
	numbers = append(numbers, 0, 0)
	return numbers[0], numbers[1], isClaude
}
