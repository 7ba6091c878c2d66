// SPDX-License-Identifier: Apache-2.0

package api

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"holdfast"
	"holdfast/core/action"
	"holdfast/surface/problem"
)

type object = map[string]any

// OpenAPI is the OpenAPI 3.1 document of every action, with version as the API's version.
func OpenAPI(registry *action.Registry, version string) ([]byte, error) {
	paths := object{}
	for _, a := range registry.Actions() {
		item(paths, Path(a.Name))["post"] = operation(a, holdfast.ActionRoute{Method: "POST"}, operationID(a, ""))
		for _, route := range a.Routes {
			method := strings.ToLower(route.Method)
			item(paths, route.Path)[method] = operation(a, route, operationID(a, "_"+method+"_"+slug(route.Path)))
		}
		if registry.Streams(a.Name) {
			item(paths, Path(a.Name)+"/follow")["get"] = following(a)
		}
	}
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Holdfast", "version": version, "license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
			"description": "Every action of the house. A destroying action answers 409 with an inventory; send it again with the header " +
				ConfirmHeader + ": TOKEN; category, category.",
		},
		"servers":  []object{{"url": "/"}},
		"security": []object{{"session": []string{}}, {"key": []string{}}},
		"paths":    paths,
		"components": object{
			"securitySchemes": object{
				"session": object{"type": "apiKey", "in": "cookie", "name": "holdfast_session"},
				"key":     object{"type": "http", "scheme": "bearer"},
			},
			"schemas":   object{"Problem": problemSchema()},
			"responses": object{"Problem": problemResponse()},
		},
	}, "", "  ")
}

func (s *Server) openAPI(w http.ResponseWriter, _ *http.Request) {
	document, err := OpenAPI(s.Registry, s.Version)
	if err != nil {
		problem.Write(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
}

func item(paths object, path string) object {
	if known, ok := paths[path].(object); ok {
		return known
	}
	made := object{}
	paths[path] = made
	return made
}

func operationID(a holdfast.Action, suffix string) string {
	return strings.Replace(a.Name, ".", "_", 1) + suffix
}

func slug(path string) string {
	return strings.Trim(regexp.MustCompile(`[^a-z0-9]+`).ReplaceAllString(strings.ToLower(path), "_"), "_")
}

func operation(a holdfast.Action, route holdfast.ActionRoute, id string) object {
	noun, _, _ := strings.Cut(a.Name, ".")
	op := object{
		"operationId": id, "summary": a.Summary, "tags": []string{noun},
		"x-tier": a.Tier.String(), "x-effect": string(a.Effect),
		"responses": responses(a),
	}
	if a.Help != "" {
		op["description"] = a.Help
	}
	if a.Tier == holdfast.TierPublic {
		op["security"] = []object{{}, {"session": []string{}}, {"key": []string{}}}
	}
	var parameters []object
	inPath := map[string]bool{}
	for _, f := range a.Input.Fields() {
		if strings.Contains(route.Path, "{"+f.Name+"}") {
			inPath[f.Name] = true
			parameters = append(parameters, parameter(f, "path"))
		} else if route.Method == http.MethodGet || route.Method == http.MethodDelete {
			parameters = append(parameters, parameter(f, "query"))
		}
	}
	if a.Effect == holdfast.EffectDestroy || a.Name == "approval.allow" {
		parameters = append(parameters, object{
			"name": ConfirmHeader, "in": "header", "required": false, "schema": object{"type": "string"},
			"description": "the token of the inventory, a semicolon, and the name of each category confirmed, with commas between",
		})
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if body := requestBody(a, route, inPath); body != nil {
		op["requestBody"] = body
	}
	return op
}

func parameter(f holdfast.Field, in string) object {
	schema := object{"type": f.Type}
	if f.Type == "array" {
		schema["items"] = object{"type": f.Items}
	}
	if len(f.Enum) > 0 {
		schema["enum"] = f.Enum
	}
	p := object{"name": f.Name, "in": in, "required": in == "path" || f.Required, "schema": schema}
	if f.Help != "" {
		p["description"] = f.Help
	}
	return p
}

func requestBody(a holdfast.Action, route holdfast.ActionRoute, inPath map[string]bool) object {
	if route.Method == http.MethodGet || route.Method == http.MethodDelete {
		return nil
	}
	content := func(kind string, schema any) object {
		return object{"required": false, "content": object{kind: object{"schema": schema}}}
	}
	if route.Upload != "" {
		return content("multipart/form-data", object{
			"type": "object", "required": []string{"file"},
			"properties": object{"file": object{"type": "string", "contentMediaType": "application/octet-stream"}},
		})
	}
	if route.Body != "" {
		return content("application/json", object{"type": "object"})
	}
	var schema object
	if json.Unmarshal(a.Input.Schema(), &schema) != nil {
		return nil
	}
	withoutPath(schema, inPath)
	if properties, _ := schema["properties"].(object); len(properties) == 0 && route.Path != "" {
		return nil
	}
	return content("application/json", schema)
}

func withoutPath(schema object, inPath map[string]bool) {
	properties, _ := schema["properties"].(object)
	for name := range inPath {
		delete(properties, name)
	}
	required, _ := schema["required"].([]any)
	kept := []any{}
	for _, name := range required {
		if text, _ := name.(string); !inPath[text] {
			kept = append(kept, name)
		}
	}
	if len(kept) > 0 {
		schema["required"] = kept
	} else {
		delete(schema, "required")
	}
}

func responses(a holdfast.Action) object {
	all := object{
		"200": object{"description": "done", "content": object{"application/json": object{"schema": a.Output.Schema()}}},
	}
	for _, status := range []string{"400", "401", "403", "404", "500"} {
		all[status] = object{"$ref": "#/components/responses/Problem"}
	}
	if a.Effect == holdfast.EffectDestroy || a.Name == "approval.allow" {
		all["202"] = object{"$ref": "#/components/responses/Problem"}
		all["409"] = object{"$ref": "#/components/responses/Problem"}
	}
	return all
}

func following(a holdfast.Action) object {
	op := operation(a, holdfast.ActionRoute{Method: http.MethodGet}, operationID(a, "_follow"))
	op["summary"] = a.Summary + ", then follow what comes"
	op["responses"] = object{
		"200":     object{"description": "server-sent events, each data a JSON value", "content": object{"text/event-stream": object{"schema": object{"type": "string"}}}},
		"default": object{"$ref": "#/components/responses/Problem"},
	}
	return op
}

func problemResponse() object {
	return object{
		"description": "what was wrong, where, and what would be right",
		"content":     object{problem.MediaType: object{"schema": object{"$ref": "#/components/schemas/Problem"}}},
	}
}

func problemSchema() json.RawMessage { return action.SchemaOf[problem.Document]() }
