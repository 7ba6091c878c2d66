// SPDX-License-Identifier: Apache-2.0

package venv

import (
	_ "embed"
	"regexp"
	"slices"
)

// alone is a Python program that runs pip so that it starts no other program.
//
//go:embed alone.py
var alone string

// urlVariables hold URLs by which pip reaches an index; an offline installation has none of them.
var urlVariables = []string{
	"PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

var (
	// asker is the part of a URL that says who asks; the scheme of a proxy may be left out.
	asker = regexp.MustCompile(`(^|\s|://)[^/\s@]+@`)
	// secret is the same in the midst of a text, where more than URLs has an @.
	secret = regexp.MustCompile(`://[^/\s@]+@`)
)

// withPassword is a variable whose URL says who may read it, empty when there is none. What a package
// runs to build itself has pip's variables, and would know the password.
func withPassword(vars map[string]string) string {
	at := slices.IndexFunc(urlVariables, func(name string) bool { return asker.MatchString(vars[name]) })
	if at < 0 {
		return ""
	}
	return urlVariables[at]
}
