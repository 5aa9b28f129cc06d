# Stands in for temporalio/temporal:<version>: the same program, user and entrypoint, on Debian.
FROM localhost/debian:bookworm-slim
RUN groupadd --gid 1000 temporal && useradd --uid 1000 --gid 1000 --create-home temporal
COPY temporal /usr/local/bin/temporal
USER temporal
ENTRYPOINT ["temporal"]
