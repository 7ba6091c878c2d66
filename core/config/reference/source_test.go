// SPDX-License-Identifier: Apache-2.0

package reference

import (
	"go/parser"
	"go/token"
	"testing"
)

func addTestFile(t *testing.T, p *pkg) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "reference_test.go", nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	p.add(file)
}
