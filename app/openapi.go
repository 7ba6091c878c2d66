// SPDX-License-Identifier: Apache-2.0

package app

import (
	"fmt"

	"github.com/spf13/cobra"

	"holdfast/surface/api"
)

// openAPICommand prints the OpenAPI document without a house, for clients that are generated.
func openAPICommand(h *House) *cobra.Command {
	return &cobra.Command{
		Use:   "openapi",
		Short: "Print the OpenAPI 3.1 document of every action",
		Args:  nothingMore,
		RunE: func(cmd *cobra.Command, _ []string) error {
			document, err := api.OpenAPI(h.Registry, "1")
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), string(document))
			return err
		},
	}
}
