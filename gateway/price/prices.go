// SPDX-License-Identifier: Apache-2.0

package price

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"

	"holdfast"
)

// Needs is what the prices are made of.
type Needs struct {
	Config *Config
	// Vendor, unless nil, tells by whose prices a provider of this house charges, empty when its
	// address does not tell; false when the house has no such provider.
	Vendor func(provider string) (string, bool)
}

// Prices tells what calls cost. Its methods may be called by many goroutines.
type Prices struct {
	needs Needs
	table func() (*table, error)
	now   atomic.Pointer[known]
}

// known is what was looked up under one configuration.
type known struct {
	config  Config
	entries sync.Map // of target: *entry, nil where unknown
	count   atomic.Int64
}

type target struct{ provider, model string }

// New names the prices; the table is read at the first use.
func New(needs Needs) *Prices {
	if needs.Config == nil {
		needs.Config = &Config{}
	}
	return &Prices{needs: needs, table: sync.OnceValues(load)}
}

// Start reads the table and takes up the configuration.
func (p *Prices) Start(context.Context) error {
	_, err := p.table()
	p.Apply(*p.needs.Config)
	return err
}

// Apply takes up another configuration.
func (p *Prices) Apply(c Config) { p.now.Store(&known{config: c}) }

// Forget looks everything up again, for providers may have new addresses.
func (p *Prices) Forget() { p.Apply(p.current().config) }

func (p *Prices) current() *known {
	if k := p.now.Load(); k != nil {
		return k
	}
	p.now.CompareAndSwap(nil, &known{config: *p.needs.Config})
	return p.now.Load()
}

// Cost is what a call used, in money; unknown when its price is.
func (p *Prices) Cost(provider, model string, u holdfast.Usage) Cost {
	e := p.find(provider, model)
	if e == nil {
		return Cost{}
	}
	return e.cost(u)
}

// Most is the most that a call of so many tokens may cost, whatever their classes.
func (p *Prices) Most(provider, model string, input, output int64) Cost {
	e := p.find(provider, model)
	if e == nil {
		return Cost{}
	}
	return e.most(input, output)
}

// mostRemembered bounds what is remembered, for names come from clients.
const mostRemembered = 4096

func (p *Prices) find(provider, model string) *entry {
	k := p.current()
	at := target{provider, model}
	if e, ok := k.entries.Load(at); ok {
		return e.(*entry)
	}
	e := p.lookup(k.config, provider, model)
	if k.count.Add(1) < mostRemembered {
		k.entries.Store(at, e)
	}
	return e
}

// lookup is in this order: the operator's price of the model, of all models of the provider, and
// the embedded table.
func (p *Prices) lookup(c Config, provider, model string) *entry {
	if e := written(c, provider, model); e != nil {
		return e
	}
	vendor := p.vendor(c, provider)
	if vendor == Free {
		if distant(model) {
			return nil
		}
		return freeEntry(Free, model)
	}
	t, err := p.table()
	if err != nil || vendor == "" {
		return nil
	}
	return t.lookup(vendor, model)
}

// written is the operator's own price.
func written(c Config, provider, model string) *entry {
	for _, name := range []string{provider + "/" + model, provider + "/" + undated(model), provider + "/*"} {
		m, ok := c.Models[name]
		if ok && m.Input != nil && m.Output != nil && !strings.HasSuffix(name, "/") {
			e := m.entry()
			e.vendor, e.name, e.source = provider, name, ownSource
			return e
		}
	}
	return nil
}

// vendor is by whose prices a provider charges: as the operator says, as its address says, or as its
// name says where it is no provider of this house, as in a log of somebody else.
func (p *Prices) vendor(c Config, provider string) string {
	if v, ok := c.Vendors[provider]; ok {
		return v
	}
	if p.needs.Vendor != nil {
		if v, ok := p.needs.Vendor(provider); ok {
			return v
		}
	}
	switch provider {
	case "rehearsal", "ollama", "llamacpp":
		return Free
	case "gemini":
		return "google"
	case "anthropic", "azure", "bedrock", "deepseek", "google", "groq", "mistral", "moonshot", "openai", "openrouter", "xai", "zai":
		return provider
	}
	return ""
}

// distant tells a local server's name of a model that it does not run itself.
func distant(model string) bool {
	return strings.HasSuffix(model, "-cloud") || strings.HasSuffix(model, ":cloud")
}

// private tells a host of the operator's own network.
func private(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".local") || strings.HasSuffix(host, ".internal") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host != "" && !strings.Contains(host, ".") // a name of a container network
	}
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast()
}

func (e *entry) String() string { return fmt.Sprintf("%s/%s", e.vendor, e.name) }

// Known tells whether a model has a price, for warnings.
func (p *Prices) Known(provider, model string) bool { return p.find(provider, model) != nil }
