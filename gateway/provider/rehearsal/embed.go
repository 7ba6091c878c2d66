// SPDX-License-Identifier: Apache-2.0

package rehearsal

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"holdfast"
	"holdfast/gateway/dialect/openai"
	"holdfast/gateway/dialect/wire"
	"holdfast/gateway/provider"
)

const (
	// usualDimensions is how long a vector is when the client does not say.
	usualDimensions = 1536
	mostDimensions  = 4096
	// mostInputs is how many texts may come at once, as at OpenAI, and mostNumbers how many numbers go
	// back.
	mostInputs  = 2048
	mostNumbers = 1 << 20
)

// embedding is what a request for embeddings asks for.
type embedding struct {
	inputs     [][]byte // what is hashed: a text's bytes, or tokens
	dimensions int
	base64     bool
}

// readEmbedding reads a request for embeddings. Rules see its texts as what the user said.
func readEmbedding(call provider.Call) (request, error) {
	r := request{model: call.Model, embed: &embedding{dimensions: usualDimensions}}
	counted, err := openai.Embeddings().Scan(call.Body)
	if err != nil {
		return r, err
	}
	r.input = counted.Input
	var asked struct {
		Input          json.RawMessage `json:"input"`
		Dimensions     *int            `json:"dimensions"`
		EncodingFormat string          `json:"encoding_format"`
	}
	if err := json.Unmarshal(call.Body, &asked); err != nil {
		return r, fmt.Errorf("the rehearsal cannot read the request: %w", err)
	}
	switch asked.EncodingFormat {
	case "", "float":
	case "base64":
		r.embed.base64 = true
	default:
		return r, wire.WrongField("encoding_format", "must be float or base64")
	}
	if d := asked.Dimensions; d != nil {
		if *d < 1 || *d > mostDimensions {
			return r, wire.WrongField("dimensions", "must be between 1 and %d", mostDimensions)
		}
		r.embed.dimensions = *d
	}
	if err := r.takeInputs(asked.Input); err != nil {
		return r, wire.Within("input", err)
	}
	if len(r.embed.inputs)*r.embed.dimensions > mostNumbers {
		return r, wire.WrongField("input", "asks for more than %d numbers at once", mostNumbers)
	}
	return r, nil
}

// takeInputs reads a text, texts, tokens, or lists of tokens.
func (r *request) takeInputs(raw json.RawMessage) error {
	var text string
	var tokens []int32
	if json.Unmarshal(raw, &text) == nil {
		return r.takeText(text)
	}
	if json.Unmarshal(raw, &tokens) == nil {
		return r.takeTokens(tokens)
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) > mostInputs {
		return wire.Wrong("must be a string, or a list of strings or tokens of at most %d", mostInputs)
	}
	for i, one := range list {
		var err error = wire.Wrong("must be a string or a list of tokens")
		text, tokens = "", nil
		switch {
		case json.Unmarshal(one, &text) == nil:
			err = r.takeText(text)
		case json.Unmarshal(one, &tokens) == nil:
			err = r.takeTokens(tokens)
		}
		if err != nil {
			return wire.Within("["+strconv.Itoa(i)+"]", err)
		}
	}
	return nil
}

func (r *request) takeText(text string) error {
	if text == "" {
		return wire.Wrong("must not be empty")
	}
	if r.user != "" {
		r.user += "\n"
	}
	r.user += text
	r.embed.inputs = append(r.embed.inputs, []byte(text))
	return nil
}

func (r *request) takeTokens(tokens []int32) error {
	if len(tokens) == 0 {
		return wire.Wrong("must not be empty")
	}
	bytes := []byte{0} // no text begins so, so that tokens are never taken for one
	for _, token := range tokens {
		bytes = binary.LittleEndian.AppendUint32(bytes, uint32(token))
	}
	r.embed.inputs = append(r.embed.inputs, bytes)
	return nil
}

// vector is the unit vector of an input: the same for the same input, and shorter ones point where the
// beginnings of longer ones do.
func vector(input []byte, dimensions int) []float32 {
	source := rand.New(rand.NewChaCha8(sha256.Sum256(input))) //nolint:gosec // no secret, but the same each time
	wide := make([]float64, dimensions)
	square := 0.0
	for i := range wide {
		wide[i] = source.NormFloat64()
		square += wide[i] * wide[i]
	}
	unit := make([]float32, dimensions)
	for i, x := range wide {
		unit[i] = float32(x / math.Sqrt(square))
	}
	return unit
}

// vectors is the body of an answer. Of what a rule would say only its faults and its usage count.
func (r *rule) vectors(asked request, usage *holdfast.Usage) []byte {
	e := *asked.embed
	if r.Fault.Empty {
		e.inputs = nil
	}
	var j wire.JSON
	j.Open()
	j.Key("object").Text("list")
	j.Key("data").List()
	for i, input := range e.inputs {
		j.Open()
		j.Key("object").Text("embedding")
		j.Key("index").Int(int64(i))
		j.Key("embedding")
		e.write(&j, vector(input, e.dimensions))
		j.Close()
	}
	j.EndList()
	j.Key("model").Text(asked.model)
	if usage != nil {
		input := usage.Input + usage.CachedRead
		j.Key("usage").Open()
		j.Key("prompt_tokens").Int(input)
		j.Key("total_tokens").Int(input)
		j.Close()
	}
	j.Close()
	return j
}

func (e *embedding) write(j *wire.JSON, unit []float32) {
	if e.base64 {
		bytes := make([]byte, 0, 4*len(unit))
		for _, x := range unit {
			bytes = binary.LittleEndian.AppendUint32(bytes, math.Float32bits(x))
		}
		j.Text(base64.StdEncoding.EncodeToString(bytes))
		return
	}
	j.List()
	for _, x := range unit {
		j.Raw(strconv.AppendFloat(nil, float64(x), 'g', -1, 32))
	}
	j.EndList()
}
