# Development commands. `just` without arguments lists them.

_list:
    @just --list --unsorted

# Run formatting, lints and tests: all must pass before a commit.
check: fmt clippy test

# Check formatting.
fmt:
    cargo fmt --all --check

# Run clippy; warnings are errors.
clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Run all tests; installs Node.js, its packages and PostgreSQL if missing.
test *filter:
    ./test {{filter}}

# Run unit tests only: no Node.js, no PostgreSQL.
test-fast:
    cargo test --workspace --locked --lib

# Run a development server on loopback with a built-in issuer; data in ./.less-sync/.
dev *flags:
    cargo run -p less-sync-server -- --dev {{flags}}

# Refresh the offline data of PostgreSQL queries (.sqlx). `url`: a database with the current schema.
db-prepare url:
    rm -rf crates/storage-postgres/.sqlx && mkdir crates/storage-postgres/.sqlx
    touch crates/storage-postgres/src/lib.rs
    SQLX_OFFLINE_DIR={{justfile_directory()}}/crates/storage-postgres/.sqlx LESS_POSTGRES_URL={{url}} \
        cargo check --locked -p less-sync-storage-postgres

# Fuzz one target, 600 seconds by default. Needs nightly and cargo-fuzz.
fuzz target seconds="600":
    cd fuzz && cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}

# Run the micro-benchmarks; reference values are in benches/README.md.
bench *filter:
    cargo bench --workspace --locked {{filter}}

# Kill the server and the database this many times while clients write; checks that no acknowledged push is lost.
crashes kills="200":
    LESS_SYNC_KILLS={{kills}} cargo test --locked -p less-sync-server --test program crashes::records -- --test-threads=1 --nocapture

# The same with three servers on one database: a server or NATS is killed this many times, or the servers are restarted in turn.
node-crashes kills="200":
    LESS_SYNC_KILLS={{kills}} cargo test --locked -p less-sync-server --test program crashes::nodes -- --test-threads=1 --nocapture

# Replay random histories against the model: this many on SQLite, and a quarter of it on PostgreSQL.
models histories="4096":
    PROPTEST_CASES={{histories}} cargo test --locked -p less-sync-storage-sqlite -p less-sync-storage-postgres \
        --test adapter model:: -- --test-threads=1

# Run the tests of the PostgreSQL adapter on versions 15 to 18, or those given. Needs npm, on Linux on x86-64.
postgres-versions *versions="15 16 17 18":
    test-support/postgresql/install
    for version in {{versions}}; do test-support/postgresql/test $version || exit 1; done

# Write docs/metrics.md from the metrics of a server.
metrics-page:
    LESS_WRITE_DOCS=1 cargo test --locked -p less-sync-app --test server metric_pages::page

# Measure test coverage and check its floors. Needs cargo-llvm-cov; compiles everything anew.
cover *packages:
    coverage/run {{packages}}

# Check every combination of cargo features of the programs. Needs cargo-hack.
features:
    cargo hack check --locked --feature-powerset --all-targets -p less-sync-app -p less-sync-server -p less-sync-migrate

# Check dependencies: bans, licences, sources.
deny:
    cargo fetch --locked
    cargo deny --offline --locked check bans licenses sources

# Check dependencies for known vulnerabilities. Needs the network.
advisories:
    cargo deny --locked check advisories

# Build the book into target/book. Needs Python 3.9 or newer with venv.
book:
    book/build

# Build the API documentation; broken links are errors.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# Build the stripped binaries of packages into target/dist/. Needs make.
dist:
    cargo build --profile dist --locked -p less-sync-server -p less-sync-migrate \
        -p less-sync-federation-keygen -p less-sync --features less-sync-server/jemalloc

# Build the Debian package into target/debian/. Needs cargo-deb.
deb: dist
    deploy/manual target/dist target/dist/manual
    cargo deb --no-build --locked --profile dist -p less-sync-server

# Install, start, upgrade, remove and purge the package of `just deb` on this machine. Needs root on Debian, without systemd.
deb-check: deb
    deploy/debian-check target/debian/*.deb

# Build the image. Needs Docker or podman, whose own format of images has no health check.
image engine="docker":
    BUILDAH_FORMAT=docker {{engine}} build --build-arg REVISION=$(git rev-parse --short=12 HEAD) -t less-sync .

# Run everything that CI runs.
ci:
    .ci/run

# Draw the pictures of `less-sync top`, `less-sync demo` and the playground in the documentation. Needs Node.js and Chromium.
pictures:
    cargo build --locked -p less-sync-server
    LESS_SYNC_WRITE_PICTURE=1 cargo test --locked -p less-sync picture_of
    LESS_SYNC_WRITE_PICTURE=1 cargo test --locked -p less-sync-app --test server playground_does
