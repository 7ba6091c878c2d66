// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"holdfast/core/trace/tracetest"
)

// make ends so many spans.
func (t *Traces) make(tb testing.TB, n int) {
	tb.Helper()
	for range n {
		_, span := t.Begin(tb.Context(), Client, "chat", nil)
		span.Set(String("gen_ai.request.model", "m"))
		span.End()
	}
}

// Whatever a collector does, ending a span waits for nothing, what is kept is bounded, and every span is
// counted once.
func TestAHostileCollectorCostsSpansAndNothingElse(t *testing.T) {
	gone := make(chan struct{})
	dead, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + dead.Addr().String()
	_ = dead.Close()
	replies := map[string]func(w http.ResponseWriter, spans int){
		"hangs":              func(http.ResponseWriter, int) { <-gone },
		"429":                func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusTooManyRequests) },
		"429 for long":       func(w http.ResponseWriter, _ int) { w.Header().Set("Retry-After", "999999999999"); w.WriteHeader(429) },
		"500":                func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusInternalServerError) },
		"503":                func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusServiceUnavailable) },
		"400":                func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusBadRequest) },
		"garbage":            func(w http.ResponseWriter, _ int) { _, _ = w.Write([]byte("\xff\xff\xff\xffnot protobuf")) },
		"rejects more":       func(w http.ResponseWriter, _ int) { _, _ = w.Write(partial(1 << 60)) },
		"rejects less":       func(w http.ResponseWriter, _ int) { _, _ = w.Write(partial(-5)) },
		"a page without end": func(w http.ResponseWriter, _ int) { endless(w) },
		"cuts":               func(http.ResponseWriter, int) { panic(http.ErrAbortHandler) },
		"sends elsewhere":    func(w http.ResponseWriter, _ int) { w.Header().Set("Location", address); w.WriteHeader(307) },
		"is not there":       nil,
	}
	for name, reply := range replies {
		t.Run(name, func(t *testing.T) {
			at := address
			if reply != nil {
				at = tracetest.New(t, reply).URL
			}
			if name == "hangs" {
				t.Cleanup(func() { close(gone) })
			}
			b := quick()
			b.answer = 50 * time.Millisecond
			traces, counts := begin(t, at, nil, b)
			var two sync.WaitGroup
			for range 2 {
				two.Go(func() { traces.make(t, 1000) })
			}
			two.Wait()
			if waiting := counts.waiting(); waiting > float64(b.queue) {
				t.Errorf("%v spans wait", waiting)
			}
			stop(t, traces)
			traces.make(t, 1)
			if counts.total() != 2000 {
				t.Errorf("%v spans of 2000 are counted: %v", counts.total(), counts.counts)
			}
		})
	}
}

func partial(n int64) []byte {
	data, _ := proto.Marshal(&collectorpb.ExportTraceServiceResponse{PartialSuccess: &collectorpb.ExportTracePartialSuccess{RejectedSpans: n, ErrorMessage: "no"}})
	return data
}

func endless(w http.ResponseWriter) {
	page := []byte(strings.Repeat("x", 32<<10))
	for {
		if _, err := w.Write(page); err != nil {
			return
		}
	}
}

func TestABatchIsTriedAgainUntilItIsTakenOnce(t *testing.T) {
	var asked atomic.Int64
	c := tracetest.New(t, func(w http.ResponseWriter, _ int) {
		switch asked.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	traces, counts := begin(t, c.URL, nil, quick())
	traces.make(t, 3)
	for range 3 {
		c.Await(t)
	}
	stop(t, traces)
	if counts.of(sent) != 3 || counts.total() != 3 {
		t.Errorf("counted %v, want 3 sent", counts.counts)
	}
}

func TestWhatACollectorRejectsIsCounted(t *testing.T) {
	c := tracetest.New(t, func(w http.ResponseWriter, spans int) { _, _ = w.Write(partial(int64(min(spans, 1)))) })
	traces, counts := begin(t, c.URL, nil, quick())
	traces.make(t, 4)
	stop(t, traces)
	batches := float64(len(c.Batches()))
	if counts.of(rejected) != batches || counts.of(sent) != 4-batches {
		t.Errorf("counted %v over %v batches", counts.counts, batches)
	}
}

func TestASecretThatIsNotSetSendsNothing(t *testing.T) {
	c := tracetest.New(t, nil)
	traces, counts := begin(t, c.URL, func(c *Config) { c.Headers = map[string]string{"Authorization": "Bearer ${MISSING_TOKEN}"} }, quick())
	traces.make(t, 2)
	stop(t, traces)
	if len(c.Spans()) != 0 || counts.of(failed) != 2 {
		t.Errorf("%d spans came, counted %v", len(c.Spans()), counts.counts)
	}
	if asked := traces.Required(); len(asked) != 1 || asked[0].Key != "MISSING_TOKEN" {
		t.Errorf("asks for %v", asked)
	}
}

func TestASecretDoesNotFollowARedirect(t *testing.T) {
	other := tracetest.New(t, nil)
	c := tracetest.New(t, func(w http.ResponseWriter, _ int) {
		w.Header().Set("Location", other.URL+"/v1/traces")
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	traces, counts := begin(t, c.URL, func(c *Config) { c.Headers = map[string]string{"Authorization": "Bearer ${OTLP_TOKEN}"} }, quick())
	traces.make(t, 1)
	stop(t, traces)
	if len(other.Requests()) != 0 || counts.of(failed) != 1 {
		t.Errorf("%d requests went elsewhere, counted %v", len(other.Requests()), counts.counts)
	}
}

func TestReload(t *testing.T) {
	first, second := tracetest.New(t, nil), tracetest.New(t, nil)
	traces, counts := begin(t, first.URL, nil, quick())
	traces.make(t, 1)
	first.Await(t)
	_, over := traces.Begin(t.Context(), Client, "begun before", nil)
	fresh := Defaults()
	fresh.Endpoint = second.URL + "/custom/v1/traces"
	traces.Apply(fresh)
	over.End()
	traces.make(t, 1)
	second.Await(t)
	for len(second.Spans()) < 2 {
		second.Await(t)
	}
	if path := second.Requests()[0].URL.Path; path != "/custom/v1/traces" {
		t.Errorf("posted to %s", path)
	}
	traces.Apply(Defaults())
	if _, span := traces.Begin(t.Context(), Client, "chat", nil); span != nil || traces.On() {
		t.Error("a span was begun after traces were switched off")
	}
	stop(t, traces)
	if len(first.Spans()) != 1 || counts.of(sent) != 3 {
		t.Errorf("the first got %d, counted %v", len(first.Spans()), counts.counts)
	}
}

func TestABatchThatWaitsGoesToTheNewCollector(t *testing.T) {
	good := tracetest.New(t, nil)
	bad := tracetest.New(t, func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusServiceUnavailable) })
	b := quick()
	b.firstPause, b.longestPause = time.Hour, time.Hour
	traces, counts := begin(t, bad.URL, nil, b)
	traces.make(t, 1)
	bad.Await(t)
	fresh := Defaults()
	fresh.Endpoint = good.URL
	traces.Apply(fresh)
	good.Await(t)
	stop(t, traces)
	if counts.of(sent) != 1 {
		t.Errorf("counted %v", counts.counts)
	}
}

func TestStopSendsWhatWaitsAndLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	c := tracetest.New(t, nil)
	b := quick()
	b.gather = time.Hour
	traces, counts := begin(t, c.URL, nil, b)
	traces.make(t, 40)
	if err := traces.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if counts.of(sent) != 40 {
		t.Errorf("counted %v, want 40 sent", counts.counts)
	}
	c.Close()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if now := runtime.NumGoroutine(); now > before {
		t.Errorf("%d goroutines where %d were", now, before)
	}
}

func TestCheck(t *testing.T) {
	for name, one := range map[string]struct {
		change func(*Config)
		field  string
	}{
		"as it is":            {func(*Config) {}, ""},
		"a collector":         {func(c *Config) { c.Endpoint = "https://otlp.example.com/otlp" }, ""},
		"no address":          {func(c *Config) { c.Endpoint = "localhost:4317" }, "endpoint"},
		"grpc":                {func(c *Config) { c.Endpoint = "grpc://localhost:4317" }, "endpoint"},
		"a password":          {func(c *Config) { c.Endpoint = "https://me:pass@example.com" }, "endpoint"},
		"a query":             {func(c *Config) { c.Endpoint = "https://example.com?key=1" }, "endpoint"},
		"more than all":       {func(c *Config) { c.Sample = 1.5 }, "sample"},
		"less than none":      {func(c *Config) { c.Sample = -1 }, "sample"},
		"a named key":         {func(c *Config) { c.Headers = map[string]string{"Authorization": "Bearer ${TOKEN}"} }, ""},
		"a key in clear":      {func(c *Config) { c.Headers = map[string]string{"Authorization": "Bearer abc"} }, "headers.Authorization"},
		"a key under a name":  {func(c *Config) { c.Headers = map[string]string{"X-Honeycomb-Team": "abc"} }, "headers.X-Honeycomb-Team"},
		"what looks like one": {func(c *Config) { c.Headers = map[string]string{"X-Org": "hcaik_01hqk4k20cjeh63wca8vva5stw"} }, "headers.X-Org"},
		"a harmless one":      {func(c *Config) { c.Headers = map[string]string{"X-Scope-OrgID": "tenant-1"} }, ""},
		"two in one":          {func(c *Config) { c.Headers = map[string]string{"X-Org": "a\r\nX-Evil: b"} }, "headers.X-Org"},
		"no name":             {func(c *Config) { c.Headers = map[string]string{"X-Org": "${}"} }, "headers.X-Org"},
		"the type":            {func(c *Config) { c.Headers = map[string]string{"content-type": "text/plain"} }, "headers.content-type"},
	} {
		c := Defaults()
		one.change(&c)
		found := c.Check()
		if (one.field == "") != (len(found) == 0) || len(found) > 0 && found[0].Field != one.field {
			t.Errorf("%s: found %v, want %q", name, found, one.field)
		}
	}
}

func TestAddress(t *testing.T) {
	for given, want := range map[string]string{
		"http://h:4318":                  "http://h:4318/v1/traces",
		"http://h:4318/":                 "http://h:4318/v1/traces",
		"http://h/otlp":                  "http://h/otlp/v1/traces",
		"http://h/v1/traces":             "http://h/v1/traces",
		"https://h/api/v0.2/traces":      "https://h/api/v0.2/traces",
		"https://h/api/public/otel/":     "https://h/api/public/otel/v1/traces",
		"https://h/api/public/otel%2Fa/": "https://h/api/public/otel%2Fa/v1/traces",
	} {
		if got := (Config{Endpoint: given}).address(); got != want {
			t.Errorf("%s goes to %s, want %s", given, got, want)
		}
	}
}
