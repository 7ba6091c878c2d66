# SPDX-License-Identifier: Apache-2.0
SHELL := /bin/bash
GO ?= go
HOME_DIR ?= $(CURDIR)/home
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X holdfast/app.version=$(VERSION)
.DEFAULT_GOAL := help
.PHONY: help build run test test-long check generate hub chaos bench clean

help: ## list what can be made
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

build: ## build the three programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

run: build ## run a starter home in ./home until Ctrl-C
	@test -e $(HOME_DIR)/holdfast.yaml || bin/holdfast init $(HOME_DIR)
	@exec bin/holdfast --home $(HOME_DIR) up

test: ## set up what tests need, then run them all
	test/run

test-long: ## the long forms: chaos, thousand-point faults, long fuzzing
	HOLDFAST_LONG=1 test/run

check: ## format, lint, vulnerabilities, generated files
	test/check

generate: ## write the reference, the OpenAPI document and its client anew
	test/generate

chaos: build ## disturb a real house at random (DURATION, SEED, UNITS, HOLDFAST_LONG=1)
	$(GO) run ./test/chaos -duration $(or $(DURATION),2m) -seed $(or $(SEED),0) -units $(or $(UNITS),100)

bench: build ## print the table of figures
	$(GO) run ./bench

clean: ## remove what was built
	rm -rf bin
