# The front door. `just` alone lists what there is.

_list:
    @just --list --unsorted

# Everything that must be green before a commit.
check: fmt clippy test

# Is everything formatted?
fmt:
    cargo fmt --all --check

# Does the linter agree?
clippy:
    cargo clippy --workspace --all-targets --locked -- -D warnings

# Every test; gets Node.js and its packages if they are missing.
test *filter:
    ./test {{filter}}

# What needs nothing but Rust: no Node.js, no property tests that take their time.
test-fast:
    cargo test --workspace --locked --lib

# A server on loopback with a test issuer and everything under ./.less-sync/.
dev *flags:
    cargo run --release -p less-sync-server -- --dev {{flags}}

# Writes down anew what the compiler knows of PostgreSQL's statements. `url`: a database with the current schema.
db-prepare url:
    rm -rf crates/storage-postgres/.sqlx && mkdir crates/storage-postgres/.sqlx
    touch crates/storage-postgres/src/lib.rs
    SQLX_OFFLINE_DIR={{justfile_directory()}}/crates/storage-postgres/.sqlx LESS_POSTGRES_URL={{url}} \
        cargo check --locked -p less-sync-storage-postgres

# Fuzzes one target, ten minutes unless said otherwise. Needs nightly and cargo-fuzz.
fuzz target seconds="600":
    cd fuzz && cargo +nightly fuzz run {{target}} -- -max_total_time={{seconds}}

# The micro-benchmarks; compare with benches/README.md.
bench *filter:
    cargo bench --workspace --locked {{filter}}

# Kills the server, and the database, this many times while clients write; nothing acknowledged may be lost.
crashes kills="200":
    LESS_SYNC_KILLS={{kills}} cargo test --locked -p less-sync-server --test program crashes::records -- --test-threads=1 --nocapture

# Coverage of the tests. Needs cargo-llvm-cov.
cover:
    cargo llvm-cov nextest --workspace --html

# What may enter the tree: bans, licences, sources.
deny:
    cargo fetch --locked
    cargo deny --offline --locked check bans licenses sources

# Known vulnerabilities in what we stand on. Needs the network.
advisories:
    cargo deny --locked check advisories

# The API documentation, without a single dead link.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked

# All that CI runs, as it runs it.
ci:
    .ci/run
