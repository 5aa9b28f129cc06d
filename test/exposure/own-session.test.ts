import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectOwnSession } from '../../src/db/own-session.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startPgBouncer, whyNoPgBouncer, type PgBouncer } from '../support/pgbouncer.js';

const REFUSED = 'got one that a pooler shares between transactions';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

/** What is said of a connection through a pooler that has this many idle sessions on the server. */
async function judge(url: string, idle = 0): Promise<string> {
  const before = Array.from({ length: idle }, () => new pg.Client(url));
  for (const client of before) {
    await client.connect();
    await client.query('begin');
  }
  for (const client of before) await client.query('commit');
  for (const client of before) await client.end();
  const client = new pg.Client(url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    await expectOwnSession(client, url);
    return 'its own';
  } catch (error) {
    return (error as Error).message;
  } finally {
    await client.end();
  }
}

it('a connection to the server itself has its own session', async () => {
  expect(await judge(db.adminUrl)).toBe('its own');
});

const missing = whyNoPgBouncer();
describe.skipIf(missing !== null)(`through PgBouncer${missing === null ? '' : ` (${missing})`}`, () => {
  async function through(
    [mode, size, settings]: ['transaction' | 'session', number, string[]?],
    idle: number,
  ): Promise<string> {
    const bouncer: PgBouncer = await startPgBouncer(mode, [db.adminUrl], size, settings);
    try {
      return await judge(bouncer.through(db.adminUrl), idle);
    } finally {
      await bouncer.stop();
    }
  }

  it.each([1, 2, 3, 4, 5, 6, 8])(
    'in transaction mode, the longest idle session first, %i of them: not its own',
    async (idle) => {
      expect(await through(['transaction', 20, ['server_round_robin = 1']], idle)).toContain(REFUSED);
    },
  );

  it.each([1, 2, 4, 8])(
    'in transaction mode, the last used session first, %i of them: not its own',
    async (idle) => {
      expect(await through(['transaction', 20], idle)).toContain(REFUSED);
    },
  );

  it.each([1, 2, 4])('in transaction mode with %i sessions at most: not its own', async (size) => {
    expect(await through(['transaction', size, ['server_round_robin = 1']], size)).toContain(REFUSED);
    expect(await through(['transaction', size], size)).toContain(REFUSED);
  });

  it.each([1, 4, 20])('in session mode with %i sessions at most: its own', async (size) => {
    expect(await through(['session', size], 0)).toBe('its own');
    expect(await through(['session', size, ['server_round_robin = 1']], Math.min(size, 4))).toBe('its own');
  });
});
