FROM rust:1-bookworm AS build
WORKDIR /troupe
COPY . .
RUN cargo build --release --locked && cp target/release/troupe /usr/local/bin/troupe

FROM debian:bookworm-slim
# Authorities for clients whose certificates are signed by a public one.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /usr/local/bin/troupe /usr/local/bin/troupe
COPY conf/docker.conf /etc/nats/nats-server.conf
RUN ln -s troupe /usr/local/bin/nats-server && useradd --system --uid 1000 --no-create-home nats \
  && mkdir /data && chown nats /data
USER nats
VOLUME /data
# Clients, monitoring, other servers.
EXPOSE 4222 8222 6222
ENTRYPOINT ["nats-server"]
CMD ["--config", "/etc/nats/nats-server.conf"]
