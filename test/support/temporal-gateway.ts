import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Certificates } from './certificates.js';

/** A gateway to a Temporal server that uses TLS, like a hosted one, and keeps how callers identify themselves. */
export interface Gateway {
  port: number;
  /** The `authorization` of every call so far. */
  authorizations: Set<string | undefined>;
  /** Common names of the certificates that callers showed. */
  callers: Set<string | undefined>;
  close: () => Promise<void>;
}

/** @param wantsClientCertificate refuses callers without a certificate of the authority */
export async function startGateway(
  target: string,
  { ca, server: { cert, key } }: Certificates,
  wantsClientCertificate: boolean,
): Promise<Gateway> {
  const authorizations = new Set<string | undefined>();
  const callers = new Set<string | undefined>();
  const sessions = new Set<ServerHttp2Session>();
  const far = connect(`http://${target}`);
  far.on('error', () => undefined);
  const server = createSecureServer({
    ca: await readFile(ca),
    cert: await readFile(cert),
    key: await readFile(key),
    requestCert: wantsClientCertificate,
    rejectUnauthorized: wantsClientCertificate,
  });
  server.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => undefined);
    session.on('close', () => sessions.delete(session));
  });
  server.on('secureConnection', (socket: TLSSocket) => callers.add(commonName(socket)));
  server.on('stream', (near, headers: IncomingHttpHeaders) => {
    authorizations.add(headers.authorization);
    const call = far.request({ ...headers, ':authority': target, ':scheme': 'http' });
    let trailers: IncomingHttpHeaders = {};
    near.on('error', () => call.close());
    near.on('close', () => call.close());
    call.on('error', () => near.close());
    call.on('trailers', (got: IncomingHttpHeaders) => (trailers = got));
    near.on('wantTrailers', () => near.sendTrailers(trailers));
    call.on('response', (got) => {
      if (near.destroyed) return;
      near.respond(got, { waitForTrailers: true });
      call.pipe(near);
    });
    near.pipe(call);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    authorizations,
    callers,
    async close() {
      for (const session of sessions) session.destroy();
      far.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function commonName(socket: TLSSocket): string | undefined {
  const { subject } = socket.getPeerCertificate() as Partial<ReturnType<TLSSocket['getPeerCertificate']>>;
  return subject?.CN as string | undefined;
}
