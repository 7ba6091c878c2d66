// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// printTraces shows a line a request.
func printTraces(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	traces, _ := objects(raw(answer, "traces"))
	rows := make([][]member, 0, len(traces))
	for _, trace := range traces {
		tokens, _ := ordered(raw(trace, "tokens"))
		row := append(chosen(trace, "id", "state", "started", "agent"), member{"took", quoted(howLong(trace))}, member{"tokens", raw(tokens, "total")})
		row = append(row, member{"tool calls", orZero(raw(trace, "tool_calls"))})
		rows = append(rows, append(row, chosen(trace, "caller", "error")...))
	}
	return printObject(t, []member{{"traces", joined(rows)}})
}

// printAgent shows what one agent may do: its bounds in words, then its tools and its newest requests.
func printAgent(t Terminal, _, out json.RawMessage) error {
	page, _ := ordered(out)
	tools, _ := objects(raw(page, "tools"))
	kind := "built in"
	switch {
	case text(page, "is_preset") == "true":
		kind = "preset of " + text(page, "base_agent")
	case text(page, "home") == "true":
		kind = "of the home"
	}
	lines := append(chosen(page, "name"), member{"kind", quoted(kind)})
	lines = append(lines, chosen(page, "alias", "system_prompt", "tier")...)
	if text(page, "home") != "true" {
		waits := (time.Duration(seconds(page, "approval_seconds")) * time.Second).String()
		lines = append(lines, member{"may call", quoted(fmt.Sprintf("%d tools: %s run unasked, %s wait up to %s for approval, %s destroy",
			len(tools), text(page, "alone"), text(page, "asks"), strings.TrimSuffix(strings.TrimSuffix(waits, "0s"), "0m"), text(page, "destroy")))})
	}
	lines = append(lines, chosen(page, "request", "budgets", "sandbox", "secrets", "problem")...)
	rows := make([][]member, 0, len(tools))
	for _, tool := range tools {
		rows = append(rows, append(chosen(tool, "name"), append([]member{{"runs", quoted(runs(tool))}}, chosen(tool, "source", "tier")...)...))
	}
	if err := printObject(t, append(lines, member{"tools", joined(rows)})); err != nil {
		return err
	}
	if traces, _ := objects(raw(page, "last_traces")); len(traces) > 0 {
		fmt.Fprintln(t.Out, "\n"+paint(t, bold, "NEWEST REQUESTS"))
		return printTraces(t, nil, object([]member{{"traces", raw(page, "last_traces")}}))
	}
	return nil
}

// printTrace shows what one request did: its model calls and tool calls by when they began.
func printTrace(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	traces, _ := objects(raw(answer, "traces"))
	for _, trace := range traces {
		head := append(chosen(trace, "id", "agent", "state", "error", "caller", "model", "alias", "started"), member{"took", quoted(howLong(trace))})
		if err := printObject(t, append(head, chosen(trace, "tokens", "trace_id")...)); err != nil {
			return err
		}
		if rows := steps(trace); len(rows) > 0 {
			fmt.Fprintln(t.Out)
			if err := printTable(t, rows); err != nil {
				return err
			}
		}
		remark(t, "without the tools of", cell(raw(trace, "late")))
		tools, _ := objects(raw(trace, "tools"))
		for _, tool := range tools {
			remark(t, text(tool, "name")+" was called with", plainText(raw(tool, "arguments")))
			remark(t, text(tool, "name")+" said", text(tool, "result"))
			remark(t, text(tool, "name")+" failed", text(tool, "error"))
		}
	}
	return nil
}

// steps are the calls of a trace as rows of a table.
func steps(trace []member) (rows [][]member) {
	plan, _ := objects(raw(trace, "plan"))
	tools, _ := objects(raw(trace, "tools"))
	for i, step := range plan {
		state, about := "done", cmp.Or(text(step, "calls"), text(step, "text"))
		if failed := text(step, "error"); failed != "" {
			state, about = "failed", failed
		}
		tokens, _ := ordered(raw(step, "tokens"))
		rows = append(rows, []member{
			{"step", quoted(fmt.Sprintf("model call %d", i+1))},
			{"state", quoted(state)},
			{"at", raw(step, "at")},
			{"took", quoted(howLong(step))},
			{"tokens", raw(tokens, "total")},
			{"about", quoted(about)},
		})
	}
	for _, tool := range tools {
		rows = append(rows, []member{
			{"step", raw(tool, "name")},
			{"state", raw(tool, "status")},
			{"at", raw(tool, "at")},
			{"took", quoted(howLong(tool))},
			{"tokens", quoted("")},
			{"about", quoted(cell(raw(tool, "arguments")))},
		})
	}
	slices.SortStableFunc(rows, func(a, b []member) int { return cmp.Compare(seconds(a, "at"), seconds(b, "at")) })
	for _, row := range rows {
		row[2].value = quoted("+" + inSeconds(seconds(row, "at")))
	}
	return rows
}

// orZero is a number that is left out where it is none.
func orZero(n json.RawMessage) json.RawMessage {
	if n == nil {
		return json.RawMessage("0")
	}
	return n
}

func seconds(of []member, name string) (n float64) {
	_ = json.Unmarshal(raw(of, name), &n)
	return n
}

func howLong(of []member) string { return inSeconds(seconds(of, "seconds")) }

// inSeconds is a number of seconds as people read it.
func inSeconds(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= unit {
			return d.Round(unit / 10).String()
		}
	}
	return "0s"
}

// printApprovals shows each request with what it asks for, and says of which there is more.
func printApprovals(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	list, _ := objects(raw(answer, "approvals"))
	if len(list) == 0 {
		return printObject(t, answer)
	}
	pending := false
	for i, a := range list {
		if i > 0 {
			fmt.Fprintln(t.Out)
		}
		printAsk(t, a)
		var lines [][]string
		input, _ := ordered(raw(a, "input"))
		for _, m := range input {
			lines = append(lines, []string{"  " + m.name, strings.Join(paragraphs(cell(m.value), t.Width-len(m.name)-20), "\n")})
		}
		if text(a, "cut") == "true" {
			lines = append(lines, []string{"there is more", "`holdfast approval show " + text(a, "id") + "`"})
		}
		pending = pending || text(a, "state") == "pending"
		if err := printLines(t, append(lines, timesOf(a)...)); err != nil {
			return err
		}
	}
	if pending {
		remark(t, "to answer", toAnswer("ID"))
	}
	return nil
}

// printAsk says who asks for what.
func printAsk(t Terminal, a []member) {
	asks := text(a, "caller") + " asks for " + text(a, "action") + " of " + text(a, "subject")
	if text(a, "kind") == "tool" {
		asks = text(a, "subject") + " wants to call " + text(a, "action") + ", for " + text(a, "caller")
	}
	fmt.Fprintln(t.Out, paint(t, bold, text(a, "id"))+"  "+paintState(t, text(a, "state")))
	for _, line := range wrapped(strings.TrimSuffix(asks, " of "), t.Width) {
		fmt.Fprintln(t.Out, line)
	}
}

func timesOf(a []member) (lines [][]string) {
	for _, m := range chosen(a, "created", "expires", "answered", "answerer", "reason", "outcome", "note") {
		if m.name != "expires" || text(a, "state") == "pending" {
			lines = append(lines, []string{label(m.name), cell(m.value)})
		}
	}
	return lines
}

func toAnswer(id string) string {
	return "`holdfast approval allow " + id + "` or `holdfast approval deny " + id + " --reason WHY`"
}

// printApproval shows one request whole, to be judged: nothing of it is cut, left out or put into
// other words. A text of several lines is shown line by line, all else as the JSON that it is.
func printApproval(t Terminal, _, out json.RawMessage) error {
	a, _ := ordered(out)
	printAsk(t, a)
	input, _ := ordered(raw(a, "input"))
	for _, m := range input {
		fmt.Fprintln(t.Out, paint(t, dim, "  "+m.name))
		for line := range strings.SplitSeq(exactly(m.value), "\n") {
			fmt.Fprintln(t.Out, "    "+line)
		}
	}
	if len(input) == 0 {
		fmt.Fprintln(t.Out, "  "+exactly(raw(a, "input")))
	}
	if err := printLines(t, timesOf(a)); err != nil {
		return err
	}
	if text(a, "cut") == "true" {
		remark(t, "not all", "an older version of the house kept only the beginning of what this asks for")
	}
	if text(a, "state") == "pending" {
		remark(t, "to answer", toAnswer(text(a, "id")))
	}
	return nil
}

func exactly(value json.RawMessage) string {
	var said string
	if json.Unmarshal(value, &said) == nil && strings.Contains(said, "\n") {
		return said
	}
	var b bytes.Buffer
	if json.Indent(&b, value, "", "  ") != nil {
		return string(value)
	}
	return b.String()
}
