// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"encoding/json"
	"fmt"
	"slices"

	"holdfast/gateway/dialect"
	"holdfast/gateway/dialect/wire"
	"holdfast/gateway/provider"
)

// fit makes a request one that the server takes. A field that it refuses and that would change the
// answer is a *dialect.InputError; nothing is dropped that would.
func (f *Flavor) fit(call provider.Call) ([]byte, error) {
	body := call.Body
	if call.Dialect != provider.Chat || f.plain() {
		return body, nil
	}
	if !json.Valid(body) {
		return nil, &dialect.InputError{Message: "the request is not valid JSON"}
	}
	plan, err := f.plan(body)
	if err != nil {
		return nil, err
	}
	for _, name := range plan.drop {
		body = wire.Drop(body, name)
	}
	for from, to := range plan.rename {
		body = wire.Rename(body, from, to)
	}
	return body, nil
}

// plain: the server takes chat completions as they are.
func (f *Flavor) plain() bool {
	return f.Limit == "" && !f.Alone && len(f.Rename)+len(f.Drop)+len(f.Refuse) == 0
}

type plan struct {
	drop   []string
	rename map[string]string
}

func (f *Flavor) plan(body []byte) (plan, error) {
	p := plan{rename: map[string]string{}}
	var wrong error
	limit := false
	s := wire.Scanner{B: body}
	s.Members(func(m wire.Member) bool {
		key, value := string(m.Key), string(body[m.Start:m.End])
		switch {
		case slices.Contains(p.drop, key): // given twice, it goes once
		case slices.Contains(f.Drop, key):
			p.drop = append(p.drop, key)
		case slices.Contains(f.Refuse, key) && !unset(key, value):
			wrong = &dialect.InputError{Field: key, Message: "is not taken by a provider of kind " + f.Name}
		case slices.Contains(f.Refuse, key):
			p.drop = append(p.drop, key)
		case key == "n" && f.Alone && value != "1" && value != "null":
			wrong = &dialect.InputError{Field: "n", Message: fmt.Sprintf("a provider of kind %s gives one answer at a time", f.Name)}
		case f.Rename[key] != "":
			p.rename[key] = f.Rename[key]
		case f.Limit == "" || key != maxTokens && key != maxCompletion:
		case key == f.Limit:
			limit = true
		default:
			p.rename[key] = f.Limit
		}
		return wrong == nil
	})
	if limit { // both are given: the server's own name counts
		for from, to := range p.rename {
			if to == f.Limit {
				delete(p.rename, from)
				p.drop = append(p.drop, from)
			}
		}
	}
	return p, wrong
}

// unset values ask for nothing, so leaving them out changes nothing.
func unset(key, value string) bool {
	switch value {
	case "0", "0.0":
		return key != "seed"
	case "null", "false", "{}", "[]", `""`:
		return true
	}
	return false
}
