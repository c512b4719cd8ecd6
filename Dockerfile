# syntax=docker/dockerfile:1
# The image for workers: the program, the C library that it is linked to, and a way to ask it how it is.

# The release has the programs of both platforms already, and puts a folder with them in the place of this stage
# (--build-context build=FOLDER).
FROM rust:1.95-bookworm AS build
ARG TARGETARCH
WORKDIR /sluice
COPY . .
# A target folder for each platform: the builds of two platforms at once must not take each other's program.
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
# For the orchestrator's check of /livez. Under this name busybox is wget and nothing else.
COPY --from=tools /bin/busybox /bin/wget
# checkov:skip=CKV_DOCKER_2: only a worker on a stream serves /livez, a run over files has nothing to ask
# The image's user nonroot, as a number: Kubernetes must see that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/bin/sluice"]
CMD ["run"]
