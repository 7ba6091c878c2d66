// SPDX-License-Identifier: Apache-2.0

package holdfast

import "fmt"

// A Tier is the least standing that a caller needs. Tiers are ordered: a caller may do what its
// own tier and every lower one may.
type Tier int

// The six tiers, lowest first.
const (
	TierPublic Tier = iota
	TierTenantPeer
	TierTenantOwner
	TierOperator
	TierInternal
	TierOwner
)

// Tiers lists all tiers, lowest first.
func Tiers() []Tier {
	return []Tier{TierPublic, TierTenantPeer, TierTenantOwner, TierOperator, TierInternal, TierOwner}
}

func (t Tier) String() string {
	switch t {
	case TierPublic:
		return "public"
	case TierTenantPeer:
		return "tenant-peer"
	case TierTenantOwner:
		return "tenant-owner"
	case TierOperator:
		return "operator"
	case TierInternal:
		return "internal"
	case TierOwner:
		return "owner"
	}
	return fmt.Sprintf("tier(%d)", int(t))
}

// MarshalText writes the tier by its name.
func (t Tier) MarshalText() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalText reads a tier by its name.
func (t *Tier) UnmarshalText(text []byte) error {
	for _, known := range Tiers() {
		if known.String() == string(text) {
			*t = known
			return nil
		}
	}
	return fmt.Errorf("unknown tier %q: want public, tenant-peer, tenant-owner, operator, internal or owner", text)
}
