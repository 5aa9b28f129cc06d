# Stands in for postgres:<version>-bookworm: the server from npm's embedded-postgres, clients from Debian.
FROM localhost/debian:bookworm-slim
RUN groupadd --gid 999 postgres && useradd --uid 999 --gid 999 --home-dir /var/lib/postgresql --shell /bin/bash postgres \
 && apt-get update && apt-get install -y --no-install-recommends gosu postgresql-client && rm -rf /var/lib/apt/lists/*
COPY native /opt/postgres
COPY postgres-entrypoint.sh /usr/local/bin/
RUN chmod 755 /usr/local/bin/postgres-entrypoint.sh && for b in initdb pg_ctl postgres; do ln -s /opt/postgres/bin/$b /usr/local/bin/$b; done
ENV PGDATA=/var/lib/postgresql/data LANG=C.UTF-8
VOLUME /var/lib/postgresql/data
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["postgres-entrypoint.sh"]
CMD ["postgres"]
