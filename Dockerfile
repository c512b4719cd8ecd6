# syntax=docker/dockerfile:1
# The image for workers: the program, the C library that it is linked to, and a client for its health check.

# The release workflow has built the programs of both platforms already. It replaces this stage by a folder with
# them (--build-context build=FOLDER).
FROM rust:1.95-bookworm AS build
ARG TARGETARCH
WORKDIR /sluice
COPY . .
# A target folder for each platform: concurrent builds of two platforms must not use each other's program.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/sluice/target,id=sluice-target-$TARGETARCH \
    rustup target add wasm32-unknown-unknown \
    && cargo build --release --locked --workspace --bin sluice \
    && mkdir -p "/programs/$TARGETARCH" \
    && strip -o "/programs/$TARGETARCH/sluice" target/release/sluice \
    && target/release/sluice transform precompile "/programs/$TARGETARCH/precompiled"

FROM busybox:1.37-musl AS tools

FROM gcr.io/distroless/cc-debian12:nonroot
ARG TARGETARCH
COPY --from=build /programs/$TARGETARCH/sluice /usr/bin/sluice
COPY --from=build /programs/$TARGETARCH/precompiled /usr/bin/precompiled
# For the orchestrator's health check on /livez. Under this name, busybox is wget only.
COPY --from=tools /bin/busybox /bin/wget
# The files of a commit of `sluice table`. In an image, everyone may write to /tmp; a volume that is declared keeps this,
# so that a task with a read-only root can mount one.
VOLUME /tmp
# checkov:skip=CKV_DOCKER_2: only a worker on a stream serves /livez; a run over files has no health check
# The user nonroot, as a number, so that Kubernetes can verify that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/bin/sluice"]
CMD ["run"]
