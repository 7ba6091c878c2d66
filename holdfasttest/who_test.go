// SPDX-License-Identifier: Apache-2.0

package holdfasttest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"holdfast/core/home"
)

// whoAmI revokes no session, which is journaled with the caller that the house saw, and reads it
// back from the refusal or the journal's answer.
func whoAmI(place home.Home) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return place.Dial(ctx, "control")
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://house/api/v1/journal/show", bytes.NewReader([]byte(`{"limit":1}`)))
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err
	}
	if resp.StatusCode == http.StatusOK {
		return "owner:terminal", nil
	}
	var d struct {
		Reason string `json:"reason"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		return "", fmt.Errorf("%d: %s", resp.StatusCode, body)
	}
	return d.Reason, nil
}
