# Build:  docker build -t portcullis:0.1.0 .
# Run:    docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges -p 8080:8080 \
#             -v "$PWD/portcullis.toml:/etc/portcullis/portcullis.toml:ro" portcullis:0.1.0
# Demo:   docker run --rm --network host portcullis:0.1.0 demo
#
# In the configuration, listen on 0.0.0.0: 127.0.0.1 is the container's own. Mount what it names
# (key files, issuers.json) beside it: relative paths are relative to the file. To notice a change of
# a mounted file, mount its folder. The user is 65532; every file must be readable by it.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY src src
COPY LICENSE scripts/rootfs ./
# The targets of tests and benches have to exist for cargo to read the manifest; nothing of them is built.
RUN mkdir -p tests/it benches/micro \
    && echo 'fn main() {}' > tests/it/main.rs \
    && cp tests/it/main.rs benches/micro/main.rs \
    && cargo build --locked --release --bin portcullis \
    && ./rootfs target/release/portcullis /rootfs

# No shell, no package manager: the program, the libraries that it loads, and certificate authorities.
# It writes nothing unless key_cache_dir says where. There is no HEALTHCHECK, which would need a program to
# ask with: an orchestrator asks /livez and /readyz of the admin listener.
FROM scratch
COPY --from=build /rootfs /
USER 65532:65532
WORKDIR /etc/portcullis
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["run", "-c", "/etc/portcullis/portcullis.toml"]
