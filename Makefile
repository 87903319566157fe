# make help lists what can be done here.

SHELL := bash
STAGE := scripts/stage
# How many processors cargo takes is not make's business.
CARGO := env -u MAKEFLAGS cargo
# As they are in the images, which then find them built.
RELEASE := env -u MAKEFLAGS scripts/release
TORCH := env -u MAKEFLAGS scripts/with-libtorch cargo
# The trainer is built apart from the rest, so that nothing else ever links libtorch.
TRAINER := --no-default-features --features trainer
OPERATOR := --no-default-features --features operator
# Those that take longest first.
TRAINER_TESTS := $(basename $(notdir $(wildcard tests/trainer_*.rs)))
OPERATOR_TESTS := operator_crash operator_cluster operator_waiting operator_spec operator_pods operator_cleanup operator_leftovers operator_endings operator_gitops operator_hostile \
	operator_lease operator_namespaces operator_scraping operator_metrics crds api_reference troubleshooting

export CARGO_TERM_COLOR ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup build demo test test-operator test-trainer lint fmt bench-operator bench-optimizer bench-trainer bench-squad clean images sbom chart reproduce cluster-up cluster-down e2e \
	test-chart test-gitops lint-fmt lint-clippy lint-core lint-doc lint-deny

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

setup: ## fetch libtorch and a small BERT checkpoint into the cache (once, ~630 MB); GPU=1 CUDA's libraries too, 2 GB more
	@scripts/setup $(if $(filter-out 0,$(GPU) $(CUDA)),--gpu)

build: setup ## release builds of tuning, tuning-operator and bert-trainer
	@$(STAGE) "build tuning" $(CARGO) build --release --locked --bin tuning
	@$(STAGE) "build tuning-operator" $(RELEASE) operator
	@$(STAGE) "build bert-trainer" $(RELEASE) trainer

demo: setup ## tune a learning rate on this machine, 12 minutes on two cores; FULL=1 all 30 trials; DATA=folder; TASK=squad
	@$(STAGE) "build tuning" $(CARGO) build --release --locked --bin tuning
	@$(STAGE) "build bert-trainer" $(TORCH) build --release --locked $(TRAINER) --bin bert-trainer
	@TASK="$(TASK)" FULL="$(FULL)" DATA="$(DATA)" scripts/demo

# The operator's tests mostly wait, and the trainer's compute: side by side they take as long as the longer ones. But one is built
# after the other, and what waits comes first.
test: setup ## every test: the core and the local runner, the operator, the trainer
	@$(STAGE) "tests: core and local" $(CARGO) test --locked
	@$(STAGE) "build tests: operator" $(CARGO) test --locked $(OPERATOR) --no-run --lib $(addprefix --test ,$(OPERATOR_TESTS))
	@$(MAKE) --no-print-directory -j2 test-operator test-trainer

# A real control plane, built from Go modules into the cache: ten minutes on two cores, once.
test-operator: ## the operator on a real API server
	@$(STAGE) "Kubernetes" tests/cluster/build control
	@$(STAGE) "tests: operator alone" $(CARGO) test --locked $(OPERATOR) --lib
	@$(STAGE) "tests: operator" env -u MAKEFLAGS scripts/test-programs 3 $(OPERATOR_TESTS) -- --locked $(OPERATOR)

test-trainer: setup ## the trainer
	@$(STAGE) "tests: trainer" $(TORCH) test --locked $(TRAINER) --lib $(addprefix --test ,$(TRAINER_TESTS))

# Its tools are Go modules, built into the cache once, as Kubernetes and Helm are.
test-chart: ## the chart: its values, templates, alerts, dashboard, and a release's life on a real API server
	@$(STAGE) "Kubernetes and Helm" tests/cluster/build control helm
	@$(STAGE) "tests: chart" tests/chart/run

test-gitops: ## what kstatus, Argo CD and Flux say of every state of a job
	@$(STAGE) "tests: GitOps" tests/gitops/run

images: setup ## the images of operator and trainer, with docker or buildah; CUDA=1 also trainer-cuda
	@CUDA="$(filter-out 0,$(CUDA))" scripts/images

sbom: setup ## what is in each image, as CycloneDX in target/sbom/; CUDA=1 also trainer-cuda
	@CUDA="$(filter-out 0,$(CUDA))" scripts/sbom

chart: ## the chart as a package in target/chart/, with helm; SOURCE_URL=where the sources are
	@scripts/chart

reproduce: setup ## build the images of the commit twice from nothing, and compare their digests (root)
	@scripts/reproduce

cluster-up: ## a Kubernetes with one real node on this machine (root); prints its kubeconfig
	@tests/cluster/node up

cluster-down: ## end it and remove every trace
	@tests/cluster/node down

e2e: setup ## the operator on a real node: its images, its chart, the real trainer (root)
	@$(STAGE) "e2e" tests/cluster/e2e

lint: lint-fmt lint-deny lint-core lint-clippy lint-doc ## format, clippy on every feature set, licences, docs
	@$(STAGE) "tidy" $(CARGO) test --locked --test tidy --quiet

fmt: ## format the code
	@$(CARGO) fmt

bench-optimizer: ## the optimizer against its peers
	@benches/optimizer/run.sh

bench-operator: ## the operator under load: 1,000 TuningJobs at once, then 200 that take their time
	@$(STAGE) "Kubernetes" tests/cluster/build control
	@$(STAGE) "build tuning-operator" $(RELEASE) operator
	@for load in "1000 0" "200 20"; do echo "== TuningJobs, seconds that a pod runs: $$load"; \
		TUNING_OPERATOR=$$(scripts/target-dir)/release/tuning-operator \
			$(CARGO) bench --locked --profile test $(OPERATOR) --bench operator -- $$load || exit 1; done

bench-trainer: build ## the trainer beside Hugging Face transformers, in the same run; and whether they load its models
	@scripts/with-libtorch python3 benches/trainer/compare.py
	@scripts/with-libtorch python3 benches/trainer/loads.py

bench-squad: build ## how well the trainer reads, beside Hugging Face transformers on SQuAD 1.1; DATA=folder
	@DATA="$(DATA)" scripts/with-libtorch python3 benches/trainer/squad.py

clean: ## remove what was built (the cache of make setup stays)
	@$(CARGO) clean

lint-fmt:
	@$(STAGE) "format" $(CARGO) fmt --check

lint-deny:
	@$(STAGE) "licences and sources" scripts/deny

# The pure core compiles without kube, tch, tokio or a command line.
lint-core:
	@$(STAGE) "core alone" $(CARGO) check --locked --lib --no-default-features

lint-clippy: setup
	@$(STAGE) "clippy: default" $(CARGO) clippy --locked --all-targets -- -D warnings
	@$(STAGE) "clippy: core" $(CARGO) clippy --locked --all-targets --no-default-features -- -D warnings
	@$(STAGE) "clippy: operator" $(CARGO) clippy --locked --all-targets --test e2e --test e2e_release --no-default-features --features operator \
		-- -D warnings
	@$(STAGE) "clippy: trainer" $(TORCH) clippy --locked --all-targets $(TRAINER) -- -D warnings

lint-doc: setup
	@RUSTDOCFLAGS="-D warnings" $(STAGE) "docs" $(CARGO) doc --locked --no-deps --document-private-items
	@RUSTDOCFLAGS="-D warnings" $(STAGE) "docs: operator" $(CARGO) doc --locked --no-deps --document-private-items \
		$(OPERATOR)
	@RUSTDOCFLAGS="-D warnings" $(STAGE) "docs: trainer" $(TORCH) doc --locked --no-deps --document-private-items \
		$(TRAINER)
