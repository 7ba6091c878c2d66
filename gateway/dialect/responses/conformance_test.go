// SPDX-License-Identifier: Apache-2.0

package responses_test

import (
	"testing"

	"holdfast/gateway/dialect/anthropic"
	"holdfast/gateway/dialect/dialecttest"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/responses"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	dialecttest.Run(t, responses.Dialect(), openai.Chat(), anthropic.Messages())
}
