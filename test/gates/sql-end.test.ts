import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createGates, GateNotAsked } from '../../src/gates/index.js';
import { freePort } from '../../servers/index.js';
import { useDatabase } from './database.js';
import { check, input, until } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

const database = useDatabase('select');

function ask(query: string, more: { timeout_s?: number; url?: string } = {}) {
  const { url = database.url(), ...spec } = more;
  return check({ kind: 'sql', query, ...spec }, {}, { databaseUrl: url });
}

async function untilItRuns(): Promise<void> {
  await until(async () =>
    (await database.sessions()).some(({ state, query }) => state === 'active' && query.includes('pg_sleep')),
  );
}

describe('the end of a query', () => {
  const SLOW = 'select pg_sleep(300) is null';

  it('comes with a timeout, on the server too', async () => {
    const result = await ask(SLOW, { timeout_s: 0.5 });
    expect(result).toMatchObject({ green: false });
    expect(result.reason).toContain('expected an answer within 0.5 s');
    expect((await database.sessions()).filter(({ state }) => state === 'active')).toEqual([]);
    await until(async () => (await database.sessions()).length === 0);
  });

  it('comes with a cancellation, before that rejects', async () => {
    const controller = new AbortController();
    const checking = check(
      { kind: 'sql', query: SLOW },
      {},
      { databaseUrl: database.url(), signal: controller.signal },
    );
    await untilItRuns();
    const startedAt = Date.now();
    controller.abort(new Error('cancelled by a test'));
    await expect(checking).rejects.toThrow('cancelled by a test');
    expect((await database.sessions()).filter(({ state }) => state === 'active')).toEqual([]);
    expect(Date.now() - startedAt).toBeLessThan(5000);
  });

  it('comes with close, which also ends the connections', async () => {
    const gates = createGates({ databaseUrl: database.url() });
    onTestFinished(() => gates.close());
    const checking = gates.check({ kind: 'sql', query: SLOW }, input(), new AbortController().signal);
    const rejected = expect(checking).rejects.toThrow('got closed ones');
    await untilItRuns();
    await gates.close();
    await rejected;
    await until(async () => (await database.sessions()).length === 0);
  });

  it('comes on its own when it cannot be cancelled: the server knows the timeout', async () => {
    const result = await ask(`select current_setting('statement_timeout') = '13s'`, { timeout_s: 12 });
    expect(result).toMatchObject({ green: true });
  });

  it('is not an answer when the server ends the session or somebody cancels the query', async () => {
    for (const end of ['pg_terminate_backend', 'pg_cancel_backend']) {
      const checking = expect(ask(SLOW)).rejects.toThrow(GateNotAsked);
      await untilItRuns();
      await database.sql(
        `select ${end}(pid) from pg_stat_activity where application_name = 'job-reaper gate' and state = 'active'`,
      );
      await checking;
      await until(async () => (await database.sessions()).length === 0);
    }
  });
});

describe('a database that cannot be asked', () => {
  it('refuses connections', async () => {
    const url = `postgresql://nobody:secret@127.0.0.1:${await freePort()}/none`;
    const error = await failure(ask('select true', { url }));
    expect(error.message).toContain('REAPER_GATE_DATABASE_URL');
    expect(error.message).toContain('ECONNREFUSED');
    expect(error.message).not.toContain('secret');
  });

  it.each([
    ['a login that does not exist', (url: URL) => (url.username = 'nobody-of-this-name')],
    ['a database that does not exist', (url: URL) => (url.pathname = '/no-such-database')],
  ])('has %s', async (_, change) => {
    const url = new URL(database.url());
    change(url);
    await failure(ask('select true', { url: url.href }));
  });

  it('does not answer: the gate’s own timeout does not matter, because it has not started', async () => {
    await failure(ask('select true', { url: (await silentServer()).url, timeout_s: 0.1 }));
  });

  it('goes silent during the query, but answers others: the answer was lost', async () => {
    const proxy = await silentServer(new URL(database.url()));
    const checking = failure(ask('select pg_sleep(0.5) is not null', { url: proxy.url, timeout_s: 3 }));
    await untilItRuns();
    proxy.silence();
    expect((await checking).message).toContain('it was lost on the way');
    expect(proxy.connections).toBe(2);
  });

  it('is never the database of the jobs by accident: it has a separate setting', async () => {
    vi.stubEnv('DATABASE_URL', database.url());
    try {
      const error = await failure(check({ kind: 'sql', query: 'select true' }));
      expect(error.message).toContain('set REAPER_GATE_DATABASE_URL');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe('many gates over few connections', () => {
  it('all get their answer', async () => {
    const gates = createGates({ databaseUrl: database.url() });
    onTestFinished(() => gates.close());
    let most = 0;
    const spec = { kind: 'sql', query: 'select pg_sleep(1.5) is not null', timeout_s: 20 };
    const checking = Promise.all(
      Array.from({ length: 24 }, () => gates.check(spec, input(), new AbortController().signal)),
    );
    const over = new AbortController();
    const answers = checking.finally(() => over.abort());
    while (!over.signal.aborted) {
      most = Math.max(most, (await database.sessions()).length);
      await sleep(50);
    }
    expect((await answers).filter(({ green }) => green)).toHaveLength(24);
    expect(most).toBeLessThanOrEqual(5);
    expect(most).toBeGreaterThan(1);
  });
});

/** Why a gate could not be asked. */
async function failure(asking: Promise<unknown>): Promise<GateNotAsked> {
  const error = await asking.then(
    (result) => new Error(`Expected a gate that could not be asked, got ${JSON.stringify(result)}`),
    (reason: unknown) => reason,
  );
  if (!(error instanceof GateNotAsked)) throw error;
  return error;
}

/** A server in front of a database, or in front of none, that can go silent on open connections and still accept new ones. */
async function silentServer(target?: URL) {
  const sockets: Socket[] = [];
  const pairs: [Socket, Socket][] = [];
  const listener = createServer((socket) => {
    sockets.push(socket.on('error', () => undefined));
    if (target === undefined) return;
    const server = connect(Number(target.port), target.hostname).on('error', () => undefined);
    sockets.push(server);
    pairs.push([socket, server]);
    socket.pipe(server);
    server.pipe(socket);
  }).listen(0, '127.0.0.1');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  await once(listener, 'listening');
  const url = new URL(target?.href ?? 'postgresql://x:y@127.0.0.1/z');
  url.host = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return {
    url: url.href,
    get connections() {
      return pairs.length;
    },
    silence() {
      for (const [socket, server] of pairs) {
        socket.unpipe(server).resume();
        server.unpipe(socket).resume();
      }
    },
  };
}
