// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"strings"
)

// printAnswer shows what a model said, alone where something reads it; a person is told below it who
// answered, and what it used.
func printAnswer(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	fmt.Fprintln(t.Out, strings.TrimRight(plainText(raw(answer, "text")), "\n"))
	if !t.Interactive {
		return nil
	}
	usage, _ := ordered(raw(answer, "usage"))
	said := fmt.Sprintf("%s/%s · %s in, %s out · $%s", text(answer, "provider"), text(answer, "model"), shownAs(usage, "input"), shownAs(usage, "output"), strings.TrimPrefix(text(answer, "cost"), "$"))
	if text(answer, "bypassed") == "true" {
		said += " · let past a HALT"
	}
	fmt.Fprintln(t.Out, paint(t, dim, said))
	return nil
}
