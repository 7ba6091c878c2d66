// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"holdfast"
)

var errLongLine = fmt.Errorf("is longer than %d MiB", importLine>>20)

// nextLine reads a line into the buffer; of one that is too long it reads the rest and keeps none.
func nextLine(from *bufio.Reader, line []byte) ([]byte, error) {
	line = line[:0]
	for long := false; ; {
		part, more, err := from.ReadLine()
		if err != nil {
			return line, err
		}
		if long = long || len(line)+len(part) > importLine; !long {
			line = append(line, part...)
		}
		switch {
		case more:
		case long:
			return line[:0], errLongLine
		default:
			return line, nil
		}
	}
}

// deepest is how many members a path may have.
const deepest = 32

// parseMapping reads field=path and field="literal". What is not mapped stands under its own name.
func parseMapping(list []string) (mapping, error) {
	m, mapped := mapping{}, map[string]bool{}
	for _, name := range fieldNames() {
		m[name] = place{path: []string{name}}
	}
	for _, one := range list {
		name, to, ok := strings.Cut(one, "=")
		_, known := m[name]
		text, err := strconv.Unquote(to)
		path := strings.Split(to, ".")
		switch {
		case !ok || !known || to == "":
			return nil, badMap(one, "maps no field", "want field=path with one of "+strings.Join(slices.Sorted(slices.Values(fieldNames())), ", "))
		case mapped[name]:
			return nil, badMap(one, "maps a field for the second time", "map each once")
		case err == nil && (name == "key" || name == "response_id"):
			return nil, badMap(one, "names every line the same, so that all would be one call", "want the path of what tells them apart")
		case err == nil:
			m[name] = place{literal: text}
		case slices.Contains(path, "") || len(path) > deepest:
			return nil, badMap(one, "is no path of members", fmt.Sprintf("want member.member, %d at most", deepest))
		default:
			m[name] = place{path: path}
		}
		mapped[name] = true
	}
	return m, nil
}

func badMap(one, message, remedy string) error {
	if len(one) > 80 {
		one = one[:80] + "…"
	}
	return holdfast.BadInput("", holdfast.Problem{Field: "map", Message: fmt.Sprintf("%q %s", one, message), Remedy: remedy})
}
