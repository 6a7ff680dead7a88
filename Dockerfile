# The service as a container: one program without a shell, a library or a right, and the declaration of one spec.
#
#   docker build -t sign-up --build-arg SPEC=examples/registration.yaml .
#   docker run --rm -p 127.0.0.1:8080:8080 --read-only --cap-drop ALL --stop-timeout 30 sign-up
#
# That is for trying: over memory, the mails at /_mail for whoever reaches it, and a link for the first admin among what it
# says at its start. Told of a table (`TABLE_NAME`) and what else the functions are told, it is the real server (see
# lambda/src/bin/server/main.rs). An image that can be nothing else: `--build-arg FEATURES=server`.
FROM rust:1.95-bookworm AS build
ARG SPEC=examples/registration.yaml
# The tests take a lighter one.
ARG PROFILE=server
ARG FEATURES=try
# Lists what is in the server.
RUN cargo install cargo-cyclonedx --version 0.5.9 --locked
WORKDIR /src
COPY . .
# Linked against nothing. The target is named, so that what runs while cargo builds is linked as ever.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
  && RUSTFLAGS='-C target-feature=+crt-static' cargo build --locked --profile "$PROFILE" --package signup-service \
    --features "$FEATURES" --bin server --target "$target" \
  && mkdir /out && cp "${CARGO_TARGET_DIR:-target}/$target/$PROFILE/server" /out/ \
  && cargo run --locked -- declaration --file "$SPEC" /out
# The crates of the server by name, version, licence and checksum (CycloneDX). Of the programs of this workspace it knows
# the dependencies together, so that a few are named which only the others link.
RUN SOURCE_DATE_EPOCH=0 cargo cyclonedx --quiet --manifest-path lambda/Cargo.toml --features "$FEATURES" --describe binaries \
    --format json --spec-version 1.5 --no-build-deps \
  && cp lambda/server_bin.cdx.json /out/sbom.cdx.json

FROM scratch
LABEL org.opencontainers.image.title="sign-up" \
  org.opencontainers.image.description="A sign-up service: form, API and dashboard in one process" \
  org.opencontainers.image.licenses="MIT OR Apache-2.0" \
  org.opencontainers.image.version="0.1.0" \
  org.cyclonedx.bom="/sbom.cdx.json"
COPY --from=build /out/ /
# For AWS where Amazon does not sign itself.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
ENV SERVICE_ROOT=/
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=2s CMD ["/server", "health"]
ENTRYPOINT ["/server"]
CMD ["auto"]
