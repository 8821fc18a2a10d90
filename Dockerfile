# gramiand and gramian on Debian 12, as an unprivileged user. README.md and docs/operations.md say how to run it;
# tests/deploy/image_test.sh executes these steps in a clean Debian root file system.
#
#   docker build --tag gramian .
#
# For builds that are the same bit for bit name the base by digest: --build-arg BASE=debian:12-slim@sha256:...
ARG BASE=debian:12-slim

FROM ${BASE} AS build
WORKDIR /src
# Before the sources, so that an edit of these does not install the compilers again.
COPY tools/setup.sh tools/
RUN tools/setup.sh
COPY . .
RUN cmake -S . -B /build -G Ninja -D CMAKE_BUILD_TYPE=Release -D GRAMIAN_BUILD_TESTS=OFF \
 && cmake --build /build --target gramiand gramian_cli \
 && cmake --install /build --component programs --strip --prefix /out/usr

FROM ${BASE} AS runtime
# The libraries that the two programs are linked with, and nothing else. Their versions are those of the
# Debian release that BASE names, with its security updates.
# hadolint ignore=DL3008
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      libabsl20220623 libfmt9 libgrpc29 libgrpc++1.51 libisal2 liblapacke libopenblas0-pthread \
      libprometheus-cpp-core1.0 libprotobuf32 libspdlog1.10 libsqlite3-0 libssl3 libtbb12 libtomlplusplus3 libxxhash0 \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt /var/log/apt /var/log/dpkg.log \
 && groupadd --gid 10001 gramian \
 && useradd --uid 10001 --gid gramian --no-create-home --home-dir /var/lib/gramian --shell /usr/sbin/nologin gramian \
 && install -d -o gramian -g gramian -m 0750 /var/lib/gramian /var/backups/gramian
COPY --from=build /out/ /
COPY deploy/docker/gramian-healthcheck /usr/bin/

ARG VERSION=0.1.0
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="gramian" \
      org.opencontainers.image.description="Similarity of neural network representations, served over gRPC" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="docker.io/library/debian:12-slim"

# Backups have a volume of their own, so that they are copies and not links to what they are to outlive.
VOLUME /var/lib/gramian /var/backups/gramian
EXPOSE 7443 9464
USER 10001:10001
WORKDIR /var/lib/gramian
# /livez dials the gRPC port, whatever protects it. A first start reads the catalog before it listens.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["gramian-healthcheck"]
# gramiand drains on SIGTERM: give it longer than --drain-seconds (docker stop --time 45).
STOPSIGNAL SIGTERM
ENTRYPOINT ["gramiand"]
# Arguments replace these; the environment twin of a flag (--env GRAMIAN_THREADS=4) adds to them. They are for other
# machines, so that gramiand wants certificates and an access file as well, or to be told that it needs none
# (docs/access.md).
CMD ["--listen=0.0.0.0:7443", "--metrics-listen=0.0.0.0:9464", "--data-dir=/var/lib/gramian", \
     "--backup-dir=/var/backups/gramian", "--log-format=json"]
