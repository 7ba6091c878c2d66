// SPDX-License-Identifier: Apache-2.0

package app

import (
	"cmp"
	"context"
	"sync/atomic"

	"holdfast/gateway"
	"holdfast/gateway/price"
)

// vendors tells the prices by whose prices the gateway's providers charge.
type vendors struct {
	config atomic.Pointer[gateway.Config]
}

func (v *vendors) of(provider string) (string, bool) {
	p, ok := v.config.Load().Providers[provider]
	return price.VendorOf(cmp.Or(p.Flavor, p.Kind), p.URL), ok
}

// applyModels takes up the section models, in which providers may have new addresses.
func applyModels(p *parts, v *vendors) func(context.Context, any) error {
	return func(_ context.Context, fresh any) error {
		c := fresh.(*gateway.Config)
		if err := p.models.Apply(*c); err != nil {
			return err
		}
		v.config.Store(c)
		p.prices.Forget()
		return nil
	}
}
