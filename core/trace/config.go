// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"holdfast"
	"holdfast/core/keys"
)

// Config is the section traces of holdfast.yaml.
type Config struct {
	// Endpoint is the address of a collector of OpenTelemetry that takes OTLP over HTTP, such as
	// http://127.0.0.1:4318; /v1/traces is added unless it ends so. Empty: no traces.
	Endpoint string `json:"endpoint"`
	// Headers are sent with each batch. What is secret in them stands in .env and is named as
	// ${NAME}, such as Authorization: Bearer ${OTLP_TOKEN}.
	Headers map[string]string `json:"headers"`
	// Sample is the share of traces that are kept, from 0 to 1. Where a client sends a trace context,
	// the client has decided.
	Sample float64 `json:"sample" min:"0" max:"1"`
	// Service is what the collector calls this house.
	Service string `json:"service"`
	// Upstream tells the trace context to model providers too. Off: nothing of a trace leaves the
	// house but to the collector.
	Upstream bool `json:"upstream"`
}

const defaultService = "holdfast"

// Defaults is the section of a home that says nothing.
func Defaults() Config {
	return Config{Headers: map[string]string{}, Sample: 1, Service: defaultService}
}

// Check lists what the types of the fields do not tell.
func (c Config) Check() []holdfast.Problem {
	var found []holdfast.Problem
	add := func(field, message, remedy string) {
		found = append(found, holdfast.Problem{Field: field, Message: message, Remedy: remedy})
	}
	if c.Endpoint != "" {
		checkEndpoint(c.Endpoint, add)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		checkHeader(name, c.Headers[name], add)
	}
	if !(c.Sample >= 0 && c.Sample <= 1) { // nor not a number
		add("sample", "must be between 0 and 1", "1 keeps every trace, 0.1 one of ten")
	}
	return found
}

func checkEndpoint(endpoint string, add func(field, message, remedy string)) {
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		add("endpoint", "is no address of a collector", "for example http://127.0.0.1:4318")
	case u.User != nil:
		add("endpoint", "has a name or password in it", "put them into .env, and a header such as Authorization: Basic ${OTLP_BASIC}")
	case u.RawQuery != "" || u.Fragment != "":
		add("endpoint", "has a query or fragment", "what a collector wants to know beside goes into headers")
	}
}

// secretNames are those of headers that hold a secret, secretLooks values that look like one, and named
// the place of a key of .env.
var (
	secretNames = regexp.MustCompile(`(?i)auth|key|token|secret|cookie|passw|dsn|team`)
	secretLooks = regexp.MustCompile(`[A-Za-z0-9_+/=.-]{20,}`)
	headerName  = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
	controls    = regexp.MustCompile(`[\x00-\x1f\x7f]`)
	named       = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)
)

func checkHeader(name, value string, add func(field, message, remedy string)) {
	field := "headers." + name
	switch bare := named.ReplaceAllString(value, ""); {
	case !headerName.MatchString(name) || controls.MatchString(value):
		add(field, "is no header", "")
	case slices.Contains([]string{"Content-Type", "Content-Encoding", "Content-Length", "Host", "Transfer-Encoding"}, http.CanonicalHeaderKey(name)):
		add(field, "is set by the house", "")
	case secretNames.MatchString(name) && bare == value, secretLooks.MatchString(bare):
		add(field, "holds a secret in clear", "put it into .env and name it here as ${NAME}")
	case strings.Contains(bare, "${"):
		add(field, "has a ${ that names no key", "want ${NAME}")
	}
}

// address is where batches go.
func (c Config) address() string {
	u, err := url.Parse(c.Endpoint)
	if err != nil || strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/traces") {
		return c.Endpoint
	}
	return u.JoinPath("v1", "traces").String()
}

// Required lists the keys that the headers name.
func (t *Traces) Required() []keys.Requirement {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.needs.Config
	if t.config != nil {
		c = t.config
	}
	list := []keys.Requirement{}
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		for _, found := range named.FindAllStringSubmatch(c.Headers[name], -1) {
			list = append(list, keys.Requirement{Key: found[1], Source: "traces"})
		}
	}
	return list
}
