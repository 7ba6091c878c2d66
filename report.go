// SPDX-License-Identifier: Apache-2.0

package holdfast

import (
	"context"
	"time"
)

// A Status is the answer of a check.
type Status string

// The four answers.
const (
	StatusOK       Status = "ok"
	StatusWarn     Status = "warn"
	StatusCritical Status = "critical"
	StatusUnknown  Status = "unknown"
)

// A Check is a probe of the house.
type Check struct {
	Name string
	Run  func(context.Context) CheckResult
}

// A CheckResult is one answer, with measured values in their base units.
type CheckResult struct {
	Check  string             `json:"check"`
	Status Status             `json:"status"`
	Detail string             `json:"detail"`
	Values map[string]float64 `json:"values,omitempty"`
}

// A Severity ranks alerts.
type Severity string

// The severities.
const (
	SeverityInfo     Severity = "info"
	SeverityWarning  Severity = "warning"
	SeverityCritical Severity = "critical"
)

// An AlertRule names an alert and tells which subjects fire it now.
type AlertRule struct {
	Name     string
	Severity Severity
	Summary  string
	Firing   func(context.Context) []Alert
}

// An Alert is one firing of a rule; Name and Severity are the rule's.
type Alert struct {
	Name     string    `json:"name"`
	Severity Severity  `json:"severity"`
	Subject  string    `json:"subject"`
	Message  string    `json:"message"`
	Since    time.Time `json:"since"`
}

// A Fact is one observation with its source.
type Fact struct {
	Statement string    `json:"statement"`
	Value     string    `json:"value,omitempty"`
	Source    string    `json:"source"`
	Time      time.Time `json:"time"`
}

// A Report is the one shape that comes out of the house: facts, what they mean, what to do.
type Report struct {
	Subject        string   `json:"subject"`
	Observed       []Fact   `json:"observed"`
	Interpretation []string `json:"interpretation,omitempty"`
	Notes          []string `json:"operator_notes,omitempty"`
}
