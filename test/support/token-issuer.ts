import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Signs tokens for a Temporal server, like an identity provider. */
export interface TokenIssuer {
  /** Where its public key is. */
  readonly keysUrl: string;
  /** @param permissions such as `jobs:write` or `temporal-system:admin` */
  token(permissions: readonly string[]): string;
  stop(): Promise<void>;
}

const HEADER = { alg: 'RS256', kid: 'test', typ: 'JWT' };
const HOUR_S = 3_600;

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = {
    keys: [{ ...publicKey.export({ format: 'jwk' }), kid: HEADER.kid, alg: HEADER.alg, use: 'sig' }],
  };
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(keys));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    token(permissions) {
      const nowS = Math.floor(Date.now() / 1000);
      const claims = { sub: 'job-reaper', permissions, iat: nowS, exp: nowS + HOUR_S };
      const content = `${encoded(HEADER)}.${encoded(claims)}`;
      return `${content}.${sign('sha256', Buffer.from(content), privateKey).toString('base64url')}`;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
