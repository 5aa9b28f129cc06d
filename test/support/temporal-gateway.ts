import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect, createSecureServer, type IncomingHttpHeaders, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Files of a certificate authority made for one test. */
export interface Certificates {
  folder: string;
  ca: string;
  server: { cert: string; key: string };
  client: { cert: string; key: string };
  remove: () => Promise<void>;
}

/** Makes an authority, and a server's and a client's certificate of it. Needs the `openssl` command. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-ca-'));
  const file = (name: string) => join(folder, name);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
  const ca = file('ca.pem');
  await run('openssl', [
    'req',
    '-x509',
    ...newKey,
    '-subj',
    '/CN=test authority',
    '-keyout',
    file('ca.key'),
    '-out',
    ca,
  ]);
  const issue = async (name: string) => {
    const pair = { cert: file(`${name}.pem`), key: file(`${name}.key`) };
    await writeFile(file(`${name}.ext`), 'subjectAltName=DNS:localhost,IP:127.0.0.1');
    await run('openssl', [
      'req',
      ...newKey,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      pair.key,
      '-out',
      file(`${name}.csr`),
    ]);
    await run('openssl', [
      ...['x509', '-req', '-in', file(`${name}.csr`), '-CA', ca, '-CAkey', file('ca.key'), '-CAcreateserial'],
      ...['-days', '2', '-extfile', file(`${name}.ext`), '-out', pair.cert],
    ]);
    return pair;
  };
  const server = await issue('server');
  const client = await issue('client');
  return { folder, ca, server, client, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** A gateway to a Temporal server that speaks TLS, as a hosted one does, and keeps what callers say of themselves. */
export interface Gateway {
  port: number;
  /** The `authorization` of every call so far. */
  authorizations: Set<string | undefined>;
  /** Common names of the certificates that callers showed. */
  callers: Set<string | undefined>;
  close: () => Promise<void>;
}

/** @param wantsClientCertificate refuse who has no certificate of the authority */
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
  server.on('secureConnection', (socket) => callers.add(socket.getPeerCertificate().subject?.CN));
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
