# Image of the server, the migrator and the generator of federation keys.
#
#   docker build -t less-sync .
#   docker run -p 5379:5379 -v less-sync:/var/lib/less-sync -e TRUSTED_ISSUERS=https://accounts.example.com less-sync
#
# BUILDER needs a Rust toolchain and a C compiler; BASE needs glibc of the builder's version or newer, and root certificates.
ARG BUILDER=docker.io/library/rust:1.95-slim-bookworm
ARG BASE=gcr.io/distroless/cc-debian12

FROM ${BUILDER} AS build
WORKDIR /src
COPY . .
# The commit that `--version` shows; the sources are copied without their repository.
ARG REVISION=
ENV LESS_SYNC_REVISION=${REVISION}
# Optional features, such as less-sync-server/jemalloc, which needs a BUILDER with make.
ARG FEATURES=
# The server is also the migrator and the generator, by links with their names.
RUN cargo build --profile dist --locked -p less-sync-server --features "$FEATURES" \
    && install -D -t /image/usr/bin target/dist/less-sync-server \
    && ln -s less-sync-server /image/usr/bin/less-sync-migrate \
    && ln -s less-sync-server /image/usr/bin/less-sync-federation-keygen \
    && install -d /image/app \
    && ln -s /usr/bin/less-sync-server /image/app/server \
    && ln -s /usr/bin/less-sync-migrate /image/app/migrate \
    && ln -s /usr/bin/less-sync-federation-keygen /image/app/federation-keygen \
    && install -d -m 0700 -o 65532 -g 65532 /image/var/lib/less-sync

FROM ${BASE}
COPY --from=build /image/ /
# Any of these can be overridden; only TRUSTED_ISSUERS has no default, and files are off until FILE_STORAGE_BACKEND is set.
# The data directory is the only place that is written, so the root file system can be read-only.
ENV LISTEN_ADDR=0.0.0.0:5379 \
    DATABASE_URL=sqlite:/var/lib/less-sync/less-sync.db \
    FILE_STORAGE_PATH=/var/lib/less-sync/files \
    LOG_FORMAT=json
USER 65532:65532
WORKDIR /var/lib/less-sync
VOLUME ["/var/lib/less-sync"]
EXPOSE 5379
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["/app/server", "healthcheck"]
# The server applies pending migrations itself, under the lock of the migrator, before it listens.
ENTRYPOINT ["/app/server"]
