// SPDX-License-Identifier: Apache-2.0

package upstreamtest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// raw is a server by hand. A call of its tool says the lines that it is called with, in which $ID stands
// for the call's id, and is not answered but by them; what follows a ! goes to standard error, and "shut"
// closes the output. What is given as always is said in place of every answer.
func raw(always string) int {
	for scan := bufio.NewScanner(os.Stdin); scan.Scan(); {
		var asked struct {
			ID     json.RawMessage
			Method string
			Params struct{ Arguments struct{ Lines []string } }
		}
		if json.Unmarshal(scan.Bytes(), &asked) != nil || len(asked.ID) == 0 {
			continue
		}
		lines := asked.Params.Arguments.Lines
		switch {
		case always != "":
			lines = []string{always}
		case asked.Method == "initialize":
			lines = []string{`{"jsonrpc":"2.0","id":$ID,"result":{"protocolVersion":"2025-11-25",` +
				`"capabilities":{"tools":{}},"serverInfo":{"name":"raw","version":"1"}}}`}
		case asked.Method == "tools/list":
			lines = []string{`{"jsonrpc":"2.0","id":$ID,"result":{"tools":[{"name":"say","inputSchema":{"type":"object"}}]}}`}
		}
		for _, line := range lines {
			if text, log := strings.CutPrefix(line, "!"); log {
				fmt.Fprintln(os.Stderr, text)
				continue
			}
			if line == "shut" {
				_ = os.Stdout.Close()
			}
			fmt.Println(strings.ReplaceAll(line, "$ID", string(asked.ID)))
		}
	}
	return 0
}
