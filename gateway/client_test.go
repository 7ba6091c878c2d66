// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	client "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/param"

	"holdfast/gateway/breaker"
)

// official is OpenAI's own client on the house.
func official(h *testHouse) client.Client {
	return client.NewClient(option.WithBaseURL(h.url+"/v1"), option.WithAPIKey("sk-test"))
}

func hello(model string) client.ChatCompletionNewParams {
	return client.ChatCompletionNewParams{
		Model:    model,
		Messages: []client.ChatCompletionMessageParamUnion{client.UserMessage("hello, house")},
	}
}

func TestOfficialClient(t *testing.T) {
	t.Parallel()
	h := newHouse(t, testConfig("http://127.0.0.1:1/v1"))
	c := official(h)
	models, err := c.Models.List(t.Context())
	if err != nil || len(models.Data) == 0 {
		t.Fatalf("%v, %v", models, err)
	}
	answer, err := c.Chat.Completions.New(t.Context(), hello("spare/x"))
	if err != nil || !strings.Contains(answer.Choices[0].Message.Content, "hello, house") || answer.Usage.TotalTokens == 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	for _, usage := range []bool{false, true} {
		params := hello("spare/x")
		if usage {
			params.StreamOptions.IncludeUsage = param.NewOpt(true)
		}
		stream := c.Chat.Completions.NewStreaming(t.Context(), params)
		sum := client.ChatCompletionAccumulator{}
		for stream.Next() {
			if !sum.AddChunk(stream.Current()) {
				t.Fatal("a chunk does not fit the others")
			}
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		if sum.Choices[0].Message.Content != answer.Choices[0].Message.Content || (sum.Usage.TotalTokens > 0) != usage {
			t.Errorf("streamed %+v", sum.ChatCompletion)
		}
	}
	if rows := h.rows(); len(rows) != 3 || rows[0].input != rows[1].input || rows[0].output != rows[2].output || rows[0].estimated {
		t.Errorf("booked %+v", rows)
	}
}

func TestOfficialClientSeesErrors(t *testing.T) {
	t.Parallel()
	asked := 0
	h := newHouse(t, testConfig(serveUp(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		breakOff(chunkEvent("Good day"))(w, r)
	})))
	c := official(h)
	stream := c.Chat.Completions.NewStreaming(t.Context(), hello("chat"))
	chunks := 0
	for stream.Next() {
		chunks++
	}
	if err := stream.Err(); err == nil || chunks != 1 || !strings.Contains(err.Error(), "broke off") {
		t.Errorf("%d chunks, %v", chunks, err)
	}
	halt(t, h, "stop it")
	_, err := c.Chat.Completions.New(t.Context(), hello("chat"))
	refusal, ok := errors.AsType[*client.Error](err)
	if !ok || refusal.StatusCode != http.StatusServiceUnavailable || refusal.Code != breaker.Reason || !strings.Contains(refusal.Message, "stop it") {
		t.Errorf("got %v", err)
	}
	if asked != 1 {
		t.Errorf("the upstream was asked %d times", asked)
	}
}
