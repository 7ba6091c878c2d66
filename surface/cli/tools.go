// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"holdfast"
)

// printTools shows the catalogue with what a person chooses by, and below it why a tool is withheld
// and what is wrong with a server, whole.
func printTools(t Terminal, input, out json.RawMessage) error {
	answer, _ := ordered(out)
	tools, _ := objects(raw(answer, "tools"))
	servers, _ := objects(raw(answer, "servers"))
	in, _ := ordered(input)
	if len(tools) == 0 && text(in, "withheld") == "true" {
		_, err := fmt.Fprintln(t.Out, "no tool is withheld")
		return err
	}
	var rows [][]member
	for _, tool := range tools {
		row := append(chosen(tool, "name"), member{"runs", quoted(runs(tool))})
		row = append(row, member{"source", quoted(strings.TrimPrefix(text(tool, "source"), "extension "))})
		row = append(row, chosen(tool, "calls")...)
		if text(tool, "errors") != "0" {
			row = append(row, member{"failed", raw(tool, "errors")})
		}
		rows = append(rows, append(row, chosen(tool, "summary")...))
	}
	states := make([][]member, 0, len(servers))
	for _, server := range servers {
		states = append(states, chosen(server, "name", "state", "tools", "since", "starts", "failures", "pid", "log"))
	}
	if err := printObject(t, []member{{"tools", joined(rows)}, {"servers", joined(states)}}); err != nil {
		return err
	}
	for _, tool := range tools {
		if standing := text(tool, "standing"); standing != "" {
			remark(t, text(tool, "name")+" is "+standing, text(tool, "note")+": `holdfast tool show "+text(tool, "name")+"`")
		}
	}
	for _, server := range servers {
		remark(t, text(server, "name"), text(server, "error"))
		problems, _ := objects(raw(server, "problems"))
		for _, p := range problems {
			remark(t, text(server, "name")+", "+text(p, "part"), text(p, "error"))
		}
	}
	return nil
}

// chosen is what an object has of the members named, in this order.
func chosen(from []member, names ...string) (list []member) {
	for _, name := range names {
		if has(from, name) {
			list = append(list, member{name, raw(from, name)})
		}
	}
	return list
}

// remark prints a paragraph below a table; nothing for an empty text.
func remark(t Terminal, about, said string) {
	if said == "" {
		return
	}
	fmt.Fprintln(t.Out)
	for _, line := range wrapped(about+": "+said, t.Width) {
		fmt.Fprintln(t.Out, line)
	}
}

// runs says in words what becomes of a tool's call.
func runs(tool []member) string {
	standing := text(tool, "standing")
	switch {
	case standing != "":
		return standing
	case text(tool, "destructive") == "true" && text(tool, "source") == "house":
		return "confirmed"
	case text(tool, "passthrough") == "true":
		standing = "unasked"
	default:
		standing = "asks"
	}
	if text(tool, "enabled_in_mcp") == "false" {
		standing += " (off)"
	}
	return standing
}

// printTool shows one tool: its words, its arguments, what it was used for, and what was found in it.
func printTool(t Terminal, _, out json.RawMessage) error {
	tool, _ := ordered(out)
	used := text(tool, "calls") + map[bool]string{true: " call", false: " calls"}[text(tool, "calls") == "1"]
	if n := text(tool, "errors"); n != "0" {
		used += ", " + n + " failed"
	}
	if last := text(tool, "last_used"); last != "" {
		var took time.Duration
		_ = json.Unmarshal(raw(tool, "mean_took_ns"), &took)
		used += ", last " + last + ", took " + took.Round(10*time.Microsecond).String() + " on average"
	}
	summary := member{"summary", quoted(strings.Join(paragraphs(text(tool, "summary"), t.Width-len("own name  runs  ")), "\n"))}
	lines := append(chosen(tool, "name", "own_name", "title", "source"), member{"runs", quoted(runs(tool))}, summary)
	lines = append(lines, chosen(tool, "tier", "read_only", "destructive")...)
	lines = append(lines, member{"used", quoted(used)})
	lines = append(lines, chosen(tool, "pinned_at", "accepted_by", "fingerprint")...)
	if err := printObject(t, append(lines, member{"arguments", joined(arguments(raw(tool, "input_schema")))})); err != nil {
		return err
	}
	findings, _ := objects(raw(tool, "findings"))
	for _, f := range findings {
		remark(t, text(f, "kind")+" in its "+text(f, "where"), `"`+text(f, "quote")+`"`)
	}
	printChanges(t, raw(tool, "changes"))
	if len(findings) == 0 {
		remark(t, "note", text(tool, "note"))
	}
	if text(tool, "standing") != "" {
		remark(t, "to take it as it is now", "`holdfast tool accept "+text(tool, "name")+" --fingerprint "+text(tool, "fingerprint")+"`")
	}
	return nil
}

// callFailed is what a tool said that could not do what it was called for.
func callFailed(input, out json.RawMessage) error {
	answer, _ := ordered(out)
	if text(answer, "failed") != "true" {
		return nil
	}
	asked, _ := ordered(input)
	return holdfast.Errorf(holdfast.CodeFailed, "%s failed: %s", text(asked, "name"), plainText(raw(answer, "text")))
}

// allowedFailed is what a call said that was allowed and made, and could not do what it was for.
func allowedFailed(_, out json.RawMessage) error {
	answer, _ := ordered(out)
	made, _ := ordered(raw(answer, "result"))
	if text(made, "failed") != "true" {
		return nil
	}
	return holdfast.Errorf(holdfast.CodeFailed, "approval %s is allowed, and its call failed: %s", text(answer, "id"), plainText(raw(made, "text")))
}

// printChanges shows what a tool said of itself and what it says now, whole: who accepts it has to read both.
func printChanges(t Terminal, raws json.RawMessage) {
	changes, _ := objects(raws)
	for _, c := range changes {
		fmt.Fprintln(t.Out, "\n"+paint(t, bold, "changed: "+text(c, "field")))
		for _, side := range []struct{ mark, name string }{{"- ", "before"}, {"+ ", "after"}} {
			said := plainText(raw(c, side.name))
			if said == "" {
				continue
			}
			for _, line := range paragraphs(said, t.Width-len(side.mark)) {
				fmt.Fprintln(t.Out, side.mark+line)
			}
		}
	}
}

// paragraphs breaks each line of a text.
func paragraphs(text string, width int) (lines []string) {
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, wrapped(line, width)...)
	}
	return lines
}

// arguments are the properties of a schema, those that are required first.
func arguments(schema json.RawMessage) (rows [][]member) {
	form, _ := ordered(schema)
	properties, _ := ordered(raw(form, "properties"))
	var required []string
	_ = json.Unmarshal(raw(form, "required"), &required)
	for _, must := range []bool{true, false} {
		for _, p := range properties {
			if slices.Contains(required, p.name) != must {
				continue
			}
			about, _ := ordered(p.value)
			needed := member{"needed", quoted(map[bool]string{true: "yes"}[must])}
			row := append([]member{{"argument", quoted(p.name)}, needed}, chosen(about, "type")...)
			rows = append(rows, append(row, chosen(about, "default", "enum", "description")...))
		}
	}
	return rows
}

// printRemotes shows the remote servers, and what is wrong with one whole.
func printRemotes(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	servers, _ := objects(raw(answer, "servers"))
	rows := make([][]member, 0, len(servers))
	for _, s := range servers {
		state := text(s, "state")
		if text(s, "enabled") == "false" {
			state = "off"
		}
		access := text(s, "key")
		if text(s, "oauth") == "true" {
			access = map[string]string{"true": "authorized"}[text(s, "authorized")]
			if access == "" {
				access = "not authorized"
			}
		}
		row := []member{{"name", raw(s, "server_id")}, {"state", quoted(state)}, {"tools", raw(s, "tool_count")}, {"access", quoted(access)}}
		rows = append(rows, append(row, chosen(s, "url", "transport", "headers")...))
	}
	if err := printObject(t, []member{{"servers", joined(rows)}}); err != nil {
		return err
	}
	for _, s := range servers {
		remark(t, text(s, "server_id"), text(s, "error"))
	}
	return nil
}

// printHubs shows hubs, one or a list, with what each is made of on a line.
func printHubs(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	hubs, list := objects(raw(answer, "hubs"))
	if !list {
		return printHub(t, answer)
	}
	rows := make([][]member, 0, len(hubs))
	for _, hub := range hubs {
		row := append(chosen(hub, "name"), member{"state", quoted(hubState(hub))}, member{"offers", quoted(strconv.Itoa(offers(hub)))})
		rows = append(rows, append(row, flatHub(hub, "url", "upstreams", "prefix", "tool_config")...))
	}
	if err := printObject(t, []member{{"hubs", joined(rows)}}); err != nil {
		return err
	}
	for _, hub := range hubs {
		remark(t, text(hub, "name"), text(hub, "problem"))
	}
	return nil
}

// printHub shows one hub, and what it lacks to be of use.
func printHub(t Terminal, hub []member) error {
	lines := flatHub(hub, "name", "url", "enabled", "key_set", "key_in", "prefix", "upstreams", "tool_config")
	if has(hub, "offers") {
		lines = append(lines, member{"offers", quoted(fmt.Sprintf("%d: %s", offers(hub), text(hub, "offers")))})
	}
	if err := printObject(t, append(lines, chosen(hub, "problem", "note", "warnings")...)); err != nil {
		return err
	}
	if text(hub, "key_set") == "false" {
		remark(t, "it opens to nobody yet", "`holdfast mcp-hub key "+text(hub, "name")+"` gives it a key")
	}
	return nil
}

func offers(hub []member) int {
	var names []string
	_ = json.Unmarshal(raw(hub, "offers"), &names) // none is none
	return len(names)
}

// hubState says in a word whether a hub answers.
func hubState(hub []member) string {
	switch {
	case text(hub, "enabled") == "false":
		return "off"
	case text(hub, "problem") != "":
		return "failed"
	case text(hub, "key_set") == "false":
		return "no key"
	}
	return "answers"
}

func flatHub(hub []member, names ...string) []member {
	flat := chosen(hub, names...)
	for i, m := range flat {
		if m.name != "tool_config" {
			continue
		}
		config, _ := ordered(m.value)
		tools, _ := ordered(raw(config, "tools"))
		var words []string
		only := ""
		for _, tool := range tools {
			setting, _ := ordered(tool.value)
			if tool.name == "*" && text(setting, "enabled_in_mcp") == "false" {
				only = "only "
				continue
			}
			word := tool.name
			if text(setting, "enabled_in_mcp") == "false" {
				word = "not " + word
			}
			if text(setting, "passthrough") == "true" {
				word += " unasked"
			}
			words = append(words, word)
		}
		if only != "" && len(words) == 0 {
			words = []string{"none"}
			only = ""
		}
		flat[i] = member{"tools", quoted(only + strings.Join(words, ", "))}
	}
	return flat
}

// inOrder shows the lists of an answer with their columns in an order for people.
func inOrder(names ...string) func(Terminal, json.RawMessage, json.RawMessage) error {
	return func(t Terminal, _, out json.RawMessage) error {
		answer, _ := ordered(out)
		for i, m := range answer {
			rows, table := objects(m.value)
			if !table {
				continue
			}
			for at, row := range rows {
				rows[at] = append(chosen(row, names...), slices.DeleteFunc(row, func(m member) bool { return slices.Contains(names, m.name) })...)
			}
			answer[i].value = joined(rows)
		}
		return printObject(t, answer)
	}
}
