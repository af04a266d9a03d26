# make run    builds incidentd and plays a fault on a sample CMDB
# make test   passes every test that needs nothing but this machine
# make lint   the gate: format, clippy, documentation
# make bench  measures speed and memory
# make quality  scores what becomes of recorded alerts whose true incidents are known
# make monitoring  checks the alert rules about incidentd itself with promtool
# make peers  tests against a real Prometheus and Alertmanager (installed with .ci/run)
# make kafka  tests against a real Apache Kafka (fetched from Maven Central with .ci/kafka)
# make faults  kills, failing and full disks, lost power, damage: what is promised, at full figures
# make fuzz  ten million inputs nobody means to send, into everything that reads
# make same   plays the simulator's stories with and without optimisation: the same to the last bit
# make planted  puts one bug after the other into the program and shows which test catches it
.PHONY: run test lint bench peers kafka quality monitoring faults fuzz same planted setup

run: setup
	cargo run --locked -- serve --demo

test: setup
	cargo test --locked

lint: setup
	cargo fmt --check
	cargo clippy --all-targets --locked -- -D warnings
	cargo clippy --test peers --test kafka --test faults --test fuzz --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# All of it takes some forty minutes, the soak left out, which takes an hour of its own. One of them, with
# words for it: `make bench BENCH=storm`, `make bench BENCH=soak ARGS='--seconds 600'`, `BENCH=growth
# ARGS=small`. The profile of every other command: a second one would compile RocksDB a second time.
BENCH ?= clocks cmdb correlate diagnostics engine growth http kafka overload quality replay rules storm
ARGS ?=

bench: setup
	cargo bench --locked --profile dev --no-fail-fast $(addprefix --bench ,$(BENCH)) -- $(ARGS)

peers: setup
	cargo test --locked --test peers -- --nocapture

kafka: setup
	.ci/kafka
	cargo test --locked --test kafka

# `make faults FAULTS=small` takes minutes instead of an hour.
FAULTS ?= full

faults: setup
	.ci/setup strace
	FAULTS=$(FAULTS) cargo test --locked --test faults

# `make fuzz FUZZ=` plays some seconds of each target.
FUZZ ?= FUZZ_INPUTS=10000000

fuzz: setup
	$(FUZZ) cargo test --locked --test fuzz

# Only our own code is compiled a second time, as for debugging; RocksDB is not.
DEBUG := opt-level=0 debug-assertions=true
SEEDS ?= 1000

same: setup
	@said() { SEEDS=$(SEEDS) cargo $$1 test --locked --test sim a_seed -- --nocapture | grep ' seeds, '; }; \
	debug=$$(said "$(DEBUG:%=--config profile.dev.package.incidentd.%)") && echo "debug:   $$debug" && \
	shipped=$$(said) && echo "shipped: $$shipped" && [ "$$debug" = "$$shipped" ]

planted: setup
	.ci/setup strace
	tests/faults/planted

# Where the recorded alerts and their scorer are; without them it says so and goes on.
QUALITY_DATA ?= ../shared/data
QUALITY_TOOLS ?= ../shared/tools

quality: setup
	cargo bench --locked --profile dev --bench quality -- $(QUALITY_DATA) $(QUALITY_TOOLS)/score_clusters.py

monitoring:
	.ci/setup prometheus
	promtool check rules config/monitoring/alerts.yaml
	promtool test rules config/monitoring/alerts.test.yaml

# RocksDB is C++ and its bindings are made with libclang.
setup:
	@.ci/setup g++ libclang-dev libssl-dev pkg-config zlib1g-dev
