// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"fmt"
	"strconv"
	"time"

	"holdfast/gateway/ledger"
)

const nano = 1e9

// Exceeded refuses a call that a budget does not allow. Its text names the deciding setting, how
// much is spent and reserved, and until when.
type Exceeded struct {
	// Setting is the deciding setting, and where it stands.
	Setting string
	Scope   string
	Period  Period
	// Money tells whether the amounts are nano-dollars; else they are tokens.
	Money                        bool
	Quota, Spent, Reserved, Need int64
	// Unpriced is a model without a known price, which no budget of money can allow.
	Unpriced string
	// Until is when the period ends.
	Until time.Time
	// Park tells that the call may wait for approval; Verdict is how that ended.
	Park    bool
	Verdict string

	claim ledger.Claim
}

func (e *Exceeded) Error() string {
	text := ""
	if e.Unpriced != "" {
		text = fmt.Sprintf("the price of %s is not known, and %s has a budget of money: give it a price in `prices`, an explicit 0 included; decided by %s",
			e.Unpriced, e.Scope, e.Setting)
	} else {
		text = fmt.Sprintf("the budget of %s for the %s does not allow this call: %s of %s are spent, %s more are reserved, and the call may need %s; decided by %s, until %s",
			e.Scope, e.Period, e.figure(e.Spent), e.amount(e.Quota), e.figure(e.Reserved), e.figure(e.Need), e.Setting, e.Until.Format(time.RFC3339))
	}
	if e.Verdict != "" {
		text += "; " + e.Verdict
	}
	return text
}

func (e *Exceeded) amount(n int64) string {
	if e.Money {
		return usd(n)
	}
	return e.figure(n) + " tokens"
}

// figure is an amount beside one that tells the unit.
func (e *Exceeded) figure(n int64) string {
	if e.Money {
		return usd(n)
	}
	return strconv.FormatInt(n, 10)
}

// RetryAfter is how long until the period ends.
func (e *Exceeded) RetryAfter() time.Duration { return max(time.Until(e.Until), time.Second) }

func usd(n int64) string {
	if n%(nano/100) == 0 {
		return fmt.Sprintf("$%.2f", float64(n)/nano)
	}
	return "$" + strconv.FormatFloat(float64(n)/nano, 'f', -1, 64)
}
