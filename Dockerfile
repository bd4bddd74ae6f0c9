# syntax=docker/dockerfile:1
# The agent as a container: docs/operating.md says how to run it.
#
#   docker build -t cutover-agent .
#
# Base images are pinned to versions. For builds that can be repeated bit by bit pin them to digests as well:
# --build-arg RUST=1.95.0-slim-bookworm@sha256:… --build-arg DEBIAN=12.13-slim@sha256:…
ARG RUST=1.95.0-slim-bookworm
ARG DEBIAN=12.13-slim

FROM rust:${RUST} AS build
# librdkafka and its OpenSSL are built from source: a C and C++ toolchain, make, and a whole perl.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential perl \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release --bin cutover-agent \
    && install -D target/release/cutover-agent /out/cutover-agent \
    && install -d -m 0700 /out/data

FROM debian:${DEBIAN}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/cutover-agent /usr/local/bin/cutover-agent
# A number, so that Kubernetes can see that it is not root. Nothing but the volume is ever written: run it read-only.
COPY --from=build --chown=10001:10001 /out/data /var/lib/cutover-agent
USER 10001:10001
VOLUME /var/lib/cutover-agent
# Inside a container the loopback is nobody's; whoever publishes this port decides who may read it.
ENV CUTOVER__AGENT__LISTEN=0.0.0.0:9820
EXPOSE 9820
# It answers, and answers as an agent. Whether its board is young says /readyz.
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["cutover-agent", "status"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["cutover-agent"]
CMD ["run", "--config", "/etc/cutover-agent/config.yaml"]
