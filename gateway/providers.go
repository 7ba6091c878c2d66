// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"

	"holdfast"
	"holdfast/gateway/provider"
	"holdfast/gateway/provider/rehearsal"
	"holdfast/gateway/provider/remote"
)

func (g *Gateway) make(p Provider, t Timeouts) (provider.Provider, error) {
	if p.Kind != kindRehearsal {
		opt := remote.Options{
			URL: p.URL, Flavor: p.flavor(), Version: p.APIVersion, Speaks: p.dialects(), Headers: p.Headers, Connect: t.Connect.Std(),
		}
		if p.Key != "" {
			opt.Key = func() (holdfast.Secret, error) { return g.key(p.Key) }
		}
		return remote.New(opt)
	}
	var script []byte
	if p.Script != "" {
		var err error
		if script, err = os.ReadFile(g.needs.Home.Path(p.Script)); err != nil {
			return nil, holdfast.BadInput("", holdfast.Problem{File: p.Script, Message: "cannot read the rehearsal's script: " + err.Error()})
		}
	}
	return rehearsal.New(p.Script, script)
}

// key reads a provider's key when it is needed.
func (g *Gateway) key(name string) (holdfast.Secret, error) {
	if g.needs.Keys != nil {
		if secret, ok := g.needs.Keys.Get(name); ok && !secret.Empty() {
			return secret, nil
		}
	}
	return holdfast.Secret{}, &keyMissing{name}
}

// keyMissing says that the operator has not set a provider's key.
type keyMissing struct{ name string }

func (k *keyMissing) Error() string {
	return fmt.Sprintf("the key %s is not set (`holdfast keys set %s`)", k.name, k.name)
}

// flavor is how the server differs: anthropic where the kind says so.
func (p Provider) flavor() string {
	if p.Flavor == "" && p.Kind == kindAnthropic {
		return kindAnthropic
	}
	return p.Flavor
}

// dialects are those that the operator says the server speaks too.
func (p Provider) dialects() []string {
	list := []string{}
	for _, word := range p.Speaks {
		list = append(list, spoken()[word]...)
	}
	return list
}

func spoken() map[string][]string {
	return map[string][]string{
		"chat": {provider.Chat}, "responses": {provider.Responses}, "embeddings": {provider.Embeddings},
		"messages": {provider.Messages, provider.CountTokens},
	}
}

func (p Provider) checkRemote(field string, add func(field, message, remedy string)) {
	if p.Flavor != "" && !slices.Contains(remote.Names(), p.Flavor) {
		add(field+".flavor", fmt.Sprintf("%q is no flavor", p.Flavor), "want one of "+strings.Join(remote.Names(), ", "))
	}
	for i, word := range p.Speaks {
		if spoken()[word] == nil {
			add(fmt.Sprintf("%s.speaks[%d]", field, i), fmt.Sprintf("%q is no dialect", word), "want chat, responses, embeddings or messages")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Headers)) {
		switch http.CanonicalHeaderKey(name) {
		case "Authorization", "X-Api-Key", "Api-Key", "Cookie":
			add(field+".headers."+name, "holds a key", "put the key into .env and its name into key")
		}
	}
}
