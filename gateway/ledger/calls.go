// SPDX-License-Identifier: Apache-2.0

package ledger

import (
	"context"
	"strings"
	"time"

	"holdfast"
	"holdfast/gateway/price"
)

// A Row is one call as it is booked.
type Row struct {
	Time      time.Time `json:"time"`
	Agent     string    `json:"agent"`
	Model     string    `json:"model" help:"provider/model"`
	Status    string    `json:"status"`
	Total     int64     `json:"total"`
	Cost      string    `json:"cost"`
	Latency   int64     `json:"latency_ms"`
	FirstWord int64     `json:"first_token_ms"`
	Source    string    `json:"source"`
	holdfast.Usage
	CostNano   *int64 `json:"cost_nano" help:"null where the price is not known"`
	Estimated  bool   `json:"estimated"`
	Fallback   int    `json:"fallback"`
	Alias      string `json:"alias"`
	Dialect    string `json:"dialect"`
	Caller     string `json:"caller"`
	Key        string `json:"key"`
	Tenant     string `json:"tenant"`
	Unit       string `json:"unit"`
	Session    string `json:"session"`
	Project    string `json:"project"`
	Node       string `json:"node"`
	RequestID  string `json:"request_id"`
	ResponseID string `json:"response_id"`
}

type callsInput struct {
	Since  string `json:"since,omitempty" help:"not older than: an age such as 7d or 12h, a date, or a time" default:"7d"`
	Limit  int    `json:"limit,omitempty" help:"the most calls" default:"20" min:"1" max:"10000"`
	Status string `json:"status,omitempty" help:"only calls that ended so" enum:",ok,cut,cancelled,halted,failed,orphan,cached"`
	who
}

type callsOutput struct {
	Calls []Row `json:"calls" help:"the latest first"`
}

func (a answers) calls(ctx context.Context, in callsInput) (callsOutput, error) {
	since, _, err := a.span(in.Since, "", a.needs.Now())
	if err != nil {
		return callsOutput{}, err
	}
	out := callsOutput{Calls: []Row{}}
	err = a.read(ctx, func(q *query) {
		out.Calls = q.calls(since, append(in.filters(), filter{"status", in.Status}), in.Limit)
	})
	return out, err
}

func (q *query) calls(since time.Time, filters []filter, limit int) []Row {
	conditions, args := []string{"id >= ?", "time_ns >= ?"}, []any{firstID(since), since.UnixNano()}
	for _, f := range filters {
		if f.value != "" {
			conditions, args = append(conditions, f.column+" = ?"), append(args, f.value)
		}
	}
	list := []Row{}
	text := "SELECT " + callColumns + " FROM ledger_calls WHERE " + strings.Join(conditions, " AND ") + " ORDER BY id DESC LIMIT ?"
	q.each(text, append(args, int64(limit)), func(scan func(...any) error) error {
		var r callRow
		if err := r.scan(scan); err != nil {
			return err
		}
		list = append(list, r.shown())
		return nil
	})
	return list
}

func (r *callRow) shown() Row {
	row := Row{
		Time: time.Unix(0, r.time).UTC(), Agent: r.Agent, Model: r.Result.Provider + "/" + r.Result.Model, Status: r.Status,
		Total: r.Usage.Total(), Cost: r.cost.Dollars(), Latency: r.latency / int64(time.Millisecond),
		FirstWord: r.FirstToken.Milliseconds(), Source: r.source, Usage: r.Usage, Estimated: r.Estimated,
		Fallback: r.Fallback, Alias: r.Alias, Dialect: r.Dialect, Caller: r.Caller, Key: r.Key, Tenant: r.Tenant, Unit: r.Unit,
		Session: r.Session, Project: r.project, Node: r.node, RequestID: r.RequestID, ResponseID: r.ResponseID,
	}
	if row.Agent == "" {
		row.Agent = r.Caller
	}
	if r.cost.Known {
		row.CostNano = &r.cost.Nano
	}
	return row
}

// costOf reads dollars that a log wrote.
func costOf(dollars float64) price.Cost {
	return price.Cost{Nano: int64(dollars*1e9 + 0.5), Known: true}
}
