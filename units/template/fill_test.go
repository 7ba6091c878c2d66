// SPDX-License-Identifier: Apache-2.0

package template

import (
	"strings"
	"testing"
)

func TestRenderFillsWordsOnce(t *testing.T) {
	v := view{agent: agent{Name: "ada", Model: `{{Key}} "x"'`}, Key: "ADA_KEY", Secrets: []string{"ADA_KEY"}}
	for text, want := range map[string]string{
		"{{Name}}: {{ Model }}":           `ada: {{Key}} "x"'`, // what is filled in is not read again
		`{{json "${" Key "}"}}`:           `"${ADA_KEY}"`,
		`{{json Model}} {{json Secrets}}`: `"{{Key}} \"x\"'" ["ADA_KEY"]`,
		`{{quoted Model}}`:                `'{{Key}} "x"'\'''`,
		"no word } {":                     "no word } {",
	} {
		if got, err := render("test", text, v); err != nil || string(got) != want {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"{{Nane}}": `no word "Nane"`, "{{Name": "{{ without }}", "{{}}": "no word", "{{Secrets}}": "only after json",
		"{{json Key Secrets}}": "Secrets is a list", "{{Token}}": `no word "Token"`,
	} {
		if got, err := render("test", text, v); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %s, %v; want an error of %s", text, got, err, want)
		}
	}
}
