# Bare `make` lists the everyday commands; each is one line that can also be typed.
.DEFAULT_GOAL := help
.PHONY: help demo fresh break flash load report completions verify test test-long lint fmt doc bench dist

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Everything on this machine, on port 3000
	cargo run --release -- demo

fresh: ## The same, with an empty store
	cargo run --release -- demo --fresh

break: ## Kill a server under load, again and again, and count what was lost
	cargo run --release -- demo break

flash: ## 10,000 units of one sku, 256 buyers
	cargo run --release -- demo flash

load: ## 5000 orders over 500 connections against the demo, until all are delivered
	cargo run --release -- load --orders 5000 --connections 500 --wait-delivered

report: ## The same for 30 seconds, drawn: load-report.html
	cargo run --release -- load --duration 30s --report load-report.html

completions: ## Shell completions for bash, for this user (zsh and others: waybill completions --help)
	mkdir -p ~/.local/share/bash-completion/completions
	cargo run --release -- completions bash > ~/.local/share/bash-completion/completions/waybill

verify: ## Recompute every invariant of ./waybill-data
	cargo run --release -- verify

test: ## Everything that must pass before a change is merged
	./scripts/test

test-long: ## The same, with the longer form of the seeded tests
	./scripts/test --long

lint: ## Formatting and lints alone
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features waybill/planted-defects -- -D warnings

fmt: ## Format
	cargo fmt --all

doc: ## The code's documentation
	cargo doc --workspace --no-deps --open

bench: ## How fast orders are taken (needs wrk; FLOOR=path compares with a floor)
	./scripts/bench

dist: ## The binary as it is shipped, in target/dist/waybill
	cargo build --profile dist --locked
