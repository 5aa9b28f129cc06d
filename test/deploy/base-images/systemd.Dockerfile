# A machine with systemd, but without libnss-systemd, on which the package is installed where the unit expects it.
FROM node:22-bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends systemd && rm -rf /var/lib/apt/lists/* \
 && ln -s /usr/local/bin/node /usr/bin/node && systemctl mask systemd-logind.service getty.target systemd-udevd.service
COPY --from=job-reaper /app /opt/job-reaper
STOPSIGNAL SIGRTMIN+3
ENTRYPOINT ["/lib/systemd/systemd"]
