# Debian, because the Temporal SDK's native part needs glibc.
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
# The workflows are bundled here, so that no worker starts a bundler.
RUN npm run build && npm prune --omit=dev
# Nothing reads these: Temporal's native part for other platforms (100 MB), and sources, types, source maps and manuals of packages
# (50 MB). Licenses stay.
RUN cd node_modules/@temporalio/core-bridge/releases && find . -mindepth 1 -maxdepth 1 ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +
RUN find node_modules -type f -regextype posix-extended -iregex '.*\.(map|ts|mts|cts|md|markdown|rs)' ! -iname 'licen[cs]e*' ! -iname 'notice*' -delete && find node_modules -type d -empty -delete

FROM node:22-bookworm-slim AS git
RUN apt-get update && apt-get install -y --no-install-recommends git

FROM node:22-bookworm-slim
# Certificates for TLS to Temporal; tini as PID 1, because node would not collect the processes that gates leave behind.
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates tini && apt-get clean && rm -rf /var/lib/apt/lists/*
# For gates of kind git, which only read repositories on disk: the rest of its package, with Perl, is 110 MB.
COPY --from=git /usr/bin/git /usr/bin/git
# The command, for docker exec, kubectl exec and health checks. git --version fails if a library is missing.
RUN printf '#!/bin/sh\nexec node /app/dist/src/cli.js "$@"\n' > /usr/local/bin/job-reaper && chmod 755 /usr/local/bin/job-reaper && git --version
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist/src ./dist/src
COPY --from=build /app/dist/workflow-bundle.js /app/dist/workflow-bundle-codec.js ./dist/
COPY --from=build /app/sql ./sql
# The uid of user node, as a number, so that Kubernetes can see that it is not root.
USER 1000
# -s: tini collects them even if it is not PID 1, as in the host's pid namespace.
ENTRYPOINT ["/usr/bin/tini", "-s", "--", "node", "/app/dist/src/cli.js"]
CMD ["worker"]
