// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"fmt"
	"os"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// openAIGo is the published Go client as a program: BASE_URL KEY MODEL QUESTION. It lists the
// models, asks once at once and once streaming, and prints what came.
func openAIGo() {
	if err := askByGo(context.Background(), os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func askByGo(ctx context.Context, base, key, model, question string) error {
	client := openai.NewClient(option.WithBaseURL(base), option.WithAPIKey(key), option.WithMaxRetries(0))
	models, err := client.Models.List(ctx)
	if err != nil {
		return fmt.Errorf("models: %w", err)
	}
	for _, m := range models.Data {
		fmt.Println("model", m.ID)
	}
	params := openai.ChatCompletionNewParams{Model: model, Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(question)}}
	answer, err := client.Chat.Completions.New(ctx, params)
	if err != nil {
		return fmt.Errorf("chat: %w", err)
	}
	fmt.Printf("answer %s\nfinish %s\ntokens %d\n", answer.Choices[0].Message.Content, answer.Choices[0].FinishReason, answer.Usage.TotalTokens)
	params.StreamOptions.IncludeUsage = openai.Bool(true)
	stream := client.Chat.Completions.NewStreaming(ctx, params)
	defer func() { _ = stream.Close() }()
	text, chunks, tokens := "", 0, int64(0)
	for stream.Next() {
		chunk := stream.Current()
		chunks++
		tokens += chunk.Usage.TotalTokens
		for _, choice := range chunk.Choices {
			text += choice.Delta.Content
		}
	}
	if err := stream.Err(); err != nil {
		return fmt.Errorf("stream: %w", err)
	}
	fmt.Printf("streamed %s\nchunks %d\nstream-tokens %d\n", text, chunks, tokens)
	return nil
}
