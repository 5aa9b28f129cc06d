# Stands in for node:<version>-bookworm-slim: the same Debian and uid, Node.js and npm from npm.
FROM localhost/debian:bookworm-slim AS unpack
ADD node.tgz /node/
ADD npm.tgz /npm/
RUN mkdir -p /out/bin /out/lib/node_modules /out/etc && cp -r /npm/package /out/lib/node_modules/npm \
 && install -m 755 /node/package/bin/node /out/bin/node && chmod +x /out/lib/node_modules/npm/bin/*-cli.js \
 && ln -s ../lib/node_modules/npm/bin/npm-cli.js /out/bin/npm && ln -s ../lib/node_modules/npm/bin/npx-cli.js /out/bin/npx
# How the machine that builds it reaches npm.
COPY npmrc ca.crt /out/etc/

FROM localhost/debian:bookworm-slim
RUN groupadd --gid 1000 node && useradd --uid 1000 --gid node --shell /bin/bash --create-home node
COPY --from=unpack /out /usr/local/
CMD ["node"]
