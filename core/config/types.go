// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// A Duration is a span of time in configuration: "30s", "1h30m", "7d", "2w". It is never
// negative. A bare number other than 0 is refused, for nobody knows its unit.
type Duration time.Duration

// ParseDuration reads a span of time: Go's units and d (24 hours) and w (7 days), largest first.
func ParseDuration(text string) (Duration, error) {
	rest := strings.TrimSpace(text)
	if rest == "0" {
		return 0, nil
	}
	var total time.Duration
	for _, long := range []struct {
		unit string
		span time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		before, after, found := strings.Cut(rest, long.unit)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(before, 10, 32)
		if err != nil || n < 0 || n > int64(math.MaxInt64/long.span) {
			return 0, badDuration(text)
		}
		total += time.Duration(n) * long.span
		rest = after
	}
	if rest != "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 {
			return 0, badDuration(text)
		}
		total += d
	} else if total == 0 && !strings.ContainsAny(text, "dw") {
		return 0, badDuration(text)
	}
	if total < 0 {
		return 0, badDuration(text)
	}
	return Duration(total), nil
}

// ParseSince reads since when something is wanted: a span before now ("15m", "2d") or a time
// ("2026-01-31T12:00:00Z").
func ParseSince(text string, now time.Time) (time.Time, error) {
	if span, err := ParseDuration(text); err == nil {
		return now.Add(-span.Std()), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%q is neither a span nor a time", text)
}

func badDuration(text string) error {
	return fmt.Errorf("%q is not a span of time: want a number with its unit, such as 30s, 5m, 1h30m or 7d", clip(text))
}

// Std is the span as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

func (d Duration) String() string {
	const day = 24 * time.Hour
	span := time.Duration(d)
	switch {
	case span == 0:
		return "0s"
	case span%day == 0:
		return strconv.FormatInt(int64(span/day), 10) + "d"
	}
	text := span.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalText writes the span as it is read.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a span.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	if err != nil {
		return err
	}
	*d = parsed
	return nil
}

// A Bytes is an amount of storage or memory in configuration: "512MiB", "1GiB", "20MB", or a
// plain number of bytes.
type Bytes int64

type byteUnit struct {
	suffix string
	size   int64
}

// byteUnits has the longer suffixes first, for each ends in a shorter one.
func byteUnits() []byteUnit {
	return []byteUnit{
		{"KiB", 1 << 10},
		{"MiB", 1 << 20},
		{"GiB", 1 << 30},
		{"TiB", 1 << 40},
		{"kB", 1e3},
		{"KB", 1e3},
		{"MB", 1e6},
		{"GB", 1e9},
		{"TB", 1e12},
		{"K", 1 << 10},
		{"M", 1 << 20},
		{"G", 1 << 30},
		{"T", 1 << 40},
		{"B", 1},
	}
}

// ParseBytes reads an amount: KiB, MiB, GiB, TiB (and K, M, G, T) are powers of 1024; kB, MB,
// GB, TB are powers of 1000.
func ParseBytes(text string) (Bytes, error) {
	number, size := strings.TrimSpace(text), int64(1)
	for _, u := range byteUnits() {
		if before, found := strings.CutSuffix(number, u.suffix); found {
			number, size = strings.TrimSpace(before), u.size
			break
		}
	}
	if n, err := strconv.ParseInt(number, 10, 64); err == nil && n >= 0 && n <= math.MaxInt64/size {
		return Bytes(n * size), nil
	}
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 || math.IsNaN(f) || f*float64(size) >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is not an amount of bytes: want a number with its unit, such as 512MiB or 1GiB", clip(text))
	}
	return Bytes(f * float64(size)), nil
}

func (b Bytes) String() string {
	for _, u := range []byteUnit{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10) + "B"
}

// MarshalText writes the amount as it is read.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads an amount.
func (b *Bytes) UnmarshalText(text []byte) error {
	parsed, err := ParseBytes(string(text))
	if err != nil {
		return err
	}
	*b = parsed
	return nil
}

// UnmarshalJSON reads an amount from a text or a plain number.
func (b *Bytes) UnmarshalJSON(raw []byte) error {
	if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte{'"'}) {
		return b.UnmarshalText(raw)
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return fmt.Errorf("cannot read an amount of bytes: %w", err)
	}
	return b.UnmarshalText([]byte(text))
}

func clip(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
