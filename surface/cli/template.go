// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// printTemplate shows what is known of a template, and below it each of its files as it is written.
func printTemplate(t Terminal, _, out json.RawMessage) error {
	answer, _ := ordered(out)
	about := slices.DeleteFunc(slices.Clone(answer), func(m member) bool { return m.name == "files" })
	if err := printObject(t, about); err != nil {
		return err
	}
	files, _ := ordered(raw(answer, "files"))
	for _, file := range files {
		fmt.Fprintf(t.Out, "\n%s\n", paint(t, bold, file.name))
		for line := range strings.SplitSeq(strings.TrimSuffix(plainText(file.value), "\n"), "\n") {
			if _, err := fmt.Fprintln(t.Out, strings.TrimRight("  "+line, " ")); err != nil {
				return err
			}
		}
	}
	return nil
}
