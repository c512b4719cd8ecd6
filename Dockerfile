# syntax=docker/dockerfile:1
# The image for workers: the program, the C library that it is linked to, and a way to ask it how it is.

FROM rust:1.95-bookworm AS build
WORKDIR /sluice
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/sluice/target \
    rustup target add wasm32-unknown-unknown \
    && cargo build --release --locked \
    && strip -o /sluice-stripped target/release/sluice \
    && target/release/sluice transform precompile /precompiled

FROM busybox:1.37-musl AS tools

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /sluice-stripped /usr/bin/sluice
COPY --from=build /precompiled /usr/bin/precompiled
# For the orchestrator's check of /livez. Under this name busybox is wget and nothing else.
COPY --from=tools /bin/busybox /bin/wget
# checkov:skip=CKV_DOCKER_2: only a worker on a stream serves /livez, a run over files has nothing to ask
# The image's user nonroot, as a number: Kubernetes must see that it is not root.
USER 65532:65532
ENTRYPOINT ["/usr/bin/sluice"]
CMD ["run"]
