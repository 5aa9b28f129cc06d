import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createGates } from '../../src/gates/index.js';
import { freePort } from '../../src/servers/index.js';
import { useDatabase } from './database.js';
import { check, input, until } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

const database = useDatabase('select');

function ask(query: string, more: { timeout_s?: number; url?: string } = {}) {
  const { url = database.url(), ...spec } = more;
  return check({ kind: 'sql', query, ...spec }, {}, { databaseUrl: url });
}

describe('the end of a query', () => {
  const SLOW = 'select pg_sleep(300) is null';

  async function untilItRuns(): Promise<void> {
    await until(async () =>
      (await database.sessions()).some(
        ({ state, query }) => state === 'active' && query.includes('pg_sleep'),
      ),
    );
  }

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

  it('comes by itself when nobody can cancel it: the server knows the timeout', async () => {
    const result = await ask(`select current_setting('statement_timeout') = '13s'`, { timeout_s: 12 });
    expect(result).toMatchObject({ green: true });
  });

  it('is red when the server ends the session', async () => {
    const checking = ask(SLOW);
    await untilItRuns();
    await database.sql(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'job-reaper gate'`,
    );
    expect((await checking).reason).toContain('terminating connection');
  });
});

describe('a database that cannot be asked', () => {
  it('refuses: red', async () => {
    const url = `postgresql://nobody:secret@127.0.0.1:${await freePort()}/none`;
    const result = await ask('select true', { url });
    expect(result).toMatchObject({ green: false, evidence: { code: 'ECONNREFUSED' } });
    expect(JSON.stringify(result)).not.toContain('secret');
  });

  it('does not answer: red at the timeout', async () => {
    const sockets: Socket[] = [];
    const listener = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      listener.close();
    });
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const startedAt = Date.now();
    const result = await ask('select true', {
      url: `postgresql://x:y@127.0.0.1:${port}/z`,
      timeout_s: 0.3,
    });
    expect(result.reason).toContain('expected an answer within 0.3 s');
    expect(Date.now() - startedAt).toBeLessThan(3000);
  });

  it('is not the one of the jobs by accident: without its own setting the gate is red', async () => {
    vi.stubEnv('DATABASE_URL', database.url());
    try {
      const result = await check({ kind: 'sql', query: 'select true' });
      expect(result).toMatchObject({ green: false });
      expect(result.reason).toContain('REAPER_GATE_DATABASE_URL');
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
