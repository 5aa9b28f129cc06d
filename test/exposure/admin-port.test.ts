import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../servers/index.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { insertRunningJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

const PATHS = ['/healthz', '/readyz', '/metrics', '/status'];
const UNKNOWN = ['/', '/metrics/', '/debug/pprof/', '/../../etc/passwd', '/%2e%2e/status', '/constructor'];
const OTHERS = ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND'];

let db: TestDatabase;
let client: Client;
let name: string;
let port: number;
let worker: WorkerProcess;

beforeAll(async () => {
  db = await createTestDatabase();
  name = `admin-${randomBytes(6).toString('hex')}`;
  port = await freePort();
  client = new Client({ connection: await Connection.connect({ address: inject('temporalAddress') }) });
  // Alive, and of the worker's own host: the reaper finds nothing to do or to tell.
  await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
  worker = new WorkerProcess({
    REAPER_NAME: name,
    REAPER_ADMIN_ADDR: String(port),
    DATABASE_URL: db.reaperUrl,
  });
});
beforeEach(() => eventually('readiness', async () => (await ask('GET', '/readyz')).code === 200));
afterAll(async () => {
  await worker.kill();
  await terminateAll(client, name);
  await client.connection.close();
  await endProcesses();
  await db.drop();
});

interface Answer {
  code: number;
  headers: NodeJS.Dict<string | string[]>;
  body: string;
}

async function ask(method: string, path: string, body?: string): Promise<Answer> {
  const call = request({ host: '127.0.0.1', port, method, path, agent: false });
  call.end(body);
  const [response] = (await once(call, 'response')) as [NodeJS.ReadableStream & AsyncIterable<Buffer>];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  const { statusCode = 0, headers } = response as unknown as {
    statusCode?: number;
    headers: Answer['headers'];
  };
  return { code: statusCode, headers, body: Buffer.concat(chunks).toString() };
}

/** Sends bytes as they are, and reads to the end. An answer to what the server does not read to its end may get lost. */
async function send(...parts: (string | Buffer)[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let got = '';
  socket.on('data', (chunk: Buffer) => (got += chunk.toString('latin1')));
  // The server may close before it has read all.
  socket.on('error', () => undefined);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  for (const part of parts) socket.write(part);
  socket.end();
  await closed;
  return got;
}

/** The local addresses where a process listens, as the kernel tells. */
async function listeners(pid: number): Promise<string[]> {
  const links = await Promise.all(
    (await readdir(`/proc/${pid}/fd`)).map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  );
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '')),
  );
  const LISTEN = '0A';
  return tables
    .flatMap((table) => table.split('\n').map((line) => line.trim().split(/\s+/)))
    .filter(([, , , state, , , , , , inode]) => state === LISTEN && links.includes(`socket:[${inode ?? ''}]`))
    .map(([, local = '']) => local);
}

describe('who can reach it', () => {
  it('a worker listens on loopback only, with its port and the one of the SDK', async () => {
    const found = await listeners(worker.pid);
    const loopback = '0100007F';
    expect(found.map((address) => address.replace(/:.*/, ''))).toEqual([loopback, loopback]);
    expect(found.map((address) => parseInt(address.replace(/.*:/, ''), 16))).toContain(port);
  });

  it('no other address of this machine leads there', async () => {
    const others = Object.values(networkInterfaces()).flatMap((addresses = []) =>
      addresses.flatMap(({ address, internal, scopeid }) => (internal || scopeid ? [] : [address])),
    );
    for (const host of ['127.0.0.2', '::1', ...others]) {
      const socket: Socket = connect(port, host);
      const outcome = await Promise.race([
        once(socket, 'connect').then(() => 'connected'),
        once(socket, 'error').then(() => 'refused'),
      ]).catch(() => 'refused');
      socket.destroy();
      expect(outcome, host).toBe('refused');
    }
  });
});

describe('what it does', () => {
  it('reads at GET and HEAD, knows no other path', async () => {
    for (const path of PATHS) {
      const [get, head] = [await ask('GET', path), await ask('HEAD', path)];
      expect([path, get.code, head.code, head.body]).toEqual([path, 200, 200, '']);
      expect(get.body.length).toBeGreaterThan(10);
    }
    expect((await ask('GET', `/status?${'%'.repeat(10_000)}`)).code).toBe(200);
    for (const path of UNKNOWN) expect([path, (await ask('GET', path)).code]).toEqual([path, 404]);
  });

  it('refuses every other method on every path, and changes nothing', async () => {
    const before = await state();
    for (const method of OTHERS) {
      for (const path of PATHS) {
        const answer = await ask(method, path, '{"paused":true}');
        expect([method, path, answer.code, answer.headers['allow']]).toEqual([
          method,
          path,
          405,
          'GET, HEAD',
        ]);
      }
      for (const path of [...UNKNOWN, '*'])
        expect([method, path, (await ask(method, path)).code]).toEqual([method, path, 404]);
    }
    for (const target of ['127.0.0.1:80', '/status', `127.0.0.1:${port}`])
      expect(await send(`CONNECT ${target} HTTP/1.1\r\nHost: h\r\n\r\n`)).toBe('');
    const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n\r\n';
    expect(await send(`POST /status HTTP/1.1\r\nHost: h\r\n${upgrade}`)).toMatch(/^HTTP\/1.1 405 /);
    expect(await state()).toEqual(before);
  });

  /** All that an operator can change, and every job. */
  async function state(): Promise<unknown[]> {
    const tables = ['control', 'control_change', 'hold', 'gone_host', 'ledger', 'notification'];
    const rows = await Promise.all(
      [...tables.map((table) => `reaper.${table}`), 'public.jobs'].map(
        async (table) =>
          (await db.admin.query<{ row: unknown }>(`select to_jsonb(t) as row from ${table} t`)).rows,
      ),
    );
    const { events } = await client.workflow.getHandle(name).fetchHistory();
    const messages = (events ?? []).filter(
      (event) =>
        event.workflowExecutionSignaledEventAttributes ??
        event.workflowExecutionUpdateAcceptedEventAttributes,
    );
    return [...rows, messages.length];
  }
});

describe('what it outlives', () => {
  const get = 'GET /status HTTP/1.1\r\nHost: h\r\n';
  it.each<[string, (string | Buffer)[], RegExp]>([
    ['nothing', [], /^$/],
    ['half a request', [get], /^(HTTP\/1.1 400 |$)/],
    ['bytes', [randomBytes(100_000)], /^(HTTP\/1.1 400 |$)/],
    ['a request of another protocol', ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], /^(HTTP\/1.1 400 |$)/],
    ['TLS', [Buffer.from('16030100a5010000a10303', 'hex')], /^(HTTP\/1.1 400 |$)/],
    ['no host', ['GET /status HTTP/1.1\r\n\r\n'], /^HTTP\/1.1 400 /],
    ['a path of a megabyte', [`GET /${'x'.repeat(1_000_000)} HTTP/1.1\r\n`], /^(HTTP\/1.1 431 |$)/],
    ['a header of a megabyte', [get, `X: ${'x'.repeat(1_000_000)}\r\n\r\n`], /^(HTTP\/1.1 431 |$)/],
    ['10,000 headers', [get, 'X: y\r\n'.repeat(10_000)], /^(HTTP\/1.1 431 |$)/],
    ['two lengths', [get, 'Content-Length: 1\r\nContent-Length: 2\r\n\r\nx'], /^HTTP\/1.1 400 /],
    ['a negative length', [get, 'Content-Length: -1\r\n\r\n'], /^HTTP\/1.1 400 /],
    ['chunks that are none', [get, 'Transfer-Encoding: chunked\r\n\r\nzz\r\n'], /HTTP\/1.1 400 /],
    ['an expectation', [get, 'Expect: wonders\r\n\r\n'], /^HTTP\/1.1 417 /],
    [
      'another server in the path',
      ['GET http://example.com/status HTTP/1.1\r\nHost: h\r\n\r\n'],
      /^HTTP\/1.1 404 /,
    ],
    [
      '50 MB that nobody asked for',
      ['POST /status HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n', Buffer.alloc(50_000_000)],
      /^(HTTP\/1.1 405 |$)/,
    ],
  ])('%s', async (_, parts, answer) => {
    expect(await send(...parts)).toMatch(answer);
    expect((await ask('GET', '/readyz')).code).toBe(200);
  });

  it('500 callers that never finish their request, and 200 that do not wait for the answer', async () => {
    const idle = Array.from({ length: 500 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(idle.map((socket) => once(socket, 'connect')));
    for (const socket of idle) socket.write(get);
    for (let n = 0; n < 200; n += 1) {
      const socket = connect(port, '127.0.0.1').on('error', () => undefined);
      socket.write(`GET ${PATHS[n % PATHS.length] ?? ''} HTTP/1.1\r\nHost: h\r\n\r\n`, () =>
        socket.resetAndDestroy(),
      );
    }
    expect((await ask('GET', '/readyz')).code).toBe(200);
    expect((await ask('GET', '/status')).code).toBe(200);
    for (const socket of idle) socket.destroy();
    expect(worker.count('stopped')).toBe(0);
  });
});
