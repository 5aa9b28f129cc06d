import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { prune } from '../../src/db/prune.js';
import { findWorkerTrouble } from '../../src/db/inspect/workers.js';
import { readStatus } from '../../src/db/status.js';
import { formatToken } from '../../src/liveness/token.js';
import { BOOT_A, BOOT_B, INITIAL_NAMESPACE, insertBoot } from '../support/boots.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction } from '../support/locks.js';
import { loginAs } from '../support/logins.js';
import { insertNamed, nameWorkers } from '../support/named-workers.js';

const DAY_S = 86_400;
const NESTED = '4026532999';

let db: TestDatabase;
let worker: pg.Pool;

beforeAll(async () => {
  db = await createTestDatabase();
  worker = new pg.Pool({ connectionString: loginAs('reaper_worker', db.adminUrl), max: 2 });
});
afterAll(async () => {
  await worker.end();
  await db.drop();
});
beforeEach(() => db.clean());

function tokenOf(given: Partial<Parameters<typeof formatToken>[0]> = {}): string {
  return (
    formatToken({ bootId: BOOT_A, pidNamespace: INITIAL_NAMESPACE, pid: 77, start: '4711', ...given }) ?? ''
  );
}

const announce = (id: unknown, token: unknown) => worker.query('select reaper.announce($1, $2)', [id, token]);

async function processOf(name: string): Promise<unknown> {
  const { rows } = await db.admin.query('select * from reaper.worker_process($1)', [name]);
  return rows[0] ?? null;
}

async function one(sql: string, ...values: unknown[]): Promise<unknown> {
  const { rows } = await db.admin.query<{ value: unknown }>(`select ${sql} as value`, values);
  return rows[0]?.value;
}

describe('a token in a name', () => {
  const found = (text: string) => one('reaper.find_token($1)', text);

  it('is found anywhere in it', async () => {
    const token = tokenOf();
    for (const text of [token, `${token}.ab12`, `web@${token}`, `jr1.x ${token}_2`, `jr1.jr1.${token}`])
      expect([text, await found(text)]).toEqual([text, token]);
  });

  it('is found even if it ends like the beginning of another', async () => {
    const token = tokenOf({ pid: 77998, start: '4710' });
    expect(token.endsWith('jr1')).toBe(true);
    expect(await found(`${token}.ab12`)).toBe(token);
  });

  it('is none if it is changed or cut, or if there are two', async () => {
    const token = tokenOf();
    const texts = ['', 'web', 'jr1.', token.toLowerCase(), token.slice(0, -1), token.replace(/.$/, '!')];
    for (const text of [...texts, `${token} ${tokenOf({ pid: 78 })}`])
      expect([text, await found(text)]).toEqual([text, null]);
    expect(await found(`${token} ${token}`)).toBe(token);
  });
});

describe('the process of a worker', () => {
  const stamp = (boot: string, namespace: string) => `linux:${'a'.repeat(32)}:${boot}:${namespace}:4711`;

  it('is what its token and the report of its boot say', async () => {
    await insertBoot(db.admin, { boot: BOOT_A, host: 'host-a' });
    await insertBoot(db.admin, { boot: BOOT_B, host: 'host-b' });
    expect(await processOf(`${tokenOf()}.ab12`)).toEqual({
      host: 'host-a',
      pid: 77,
      process_identity: stamp(BOOT_A, INITIAL_NAMESPACE),
    });
    expect(await processOf(tokenOf({ bootId: BOOT_B, pid: 4_194_304 }))).toMatchObject({
      host: 'host-b',
      pid: 4_194_304,
    });
  });

  it('is for the probe in its own namespace to judge, else for the one in the first, and for no other', async () => {
    const name = tokenOf({ pidNamespace: NESTED });
    await insertBoot(db.admin, { boot: BOOT_A, host: 'other', pidNamespace: '4026532777', isInitial: false });
    expect(await processOf(name)).toBeNull();
    await insertBoot(db.admin, { boot: BOOT_A, host: 'node' });
    expect(await processOf(name)).toMatchObject({ host: 'node', process_identity: stamp(BOOT_A, NESTED) });
    await insertBoot(db.admin, { boot: BOOT_A, host: 'sidecar', pidNamespace: NESTED, isInitial: false });
    expect(await processOf(name)).toMatchObject({ host: 'sidecar', process_identity: stamp(BOOT_A, NESTED) });
  });

  it('is not for a silent probe of its namespace while the one in the first reports: the inode may be used again', async () => {
    const nested = tokenOf({ pidNamespace: NESTED });
    await insertBoot(db.admin, {
      boot: BOOT_A,
      host: 'an earlier pod',
      pidNamespace: NESTED,
      isInitial: false,
      lastSeenS: 60,
    });
    const hostOf = async () => ((await processOf(nested)) as { host: string } | null)?.host;
    expect(await hostOf()).toBe('an earlier pod');
    await insertBoot(db.admin, { boot: BOOT_A, host: 'node', lastSeenS: 600 });
    expect(await hostOf()).toBe('an earlier pod');
    await db.admin.query(`update reaper.host_boot set last_seen_at = reaper.now() where host = 'node'`);
    expect(await hostOf()).toBe('node');
    // A probe of the pod that has the inode now is the best again.
    await insertBoot(db.admin, {
      boot: BOOT_A,
      host: 'this pod',
      pidNamespace: NESTED,
      isInitial: false,
      firstSeenS: 30,
      lastSeenS: 1,
    });
    expect(await hostOf()).toBe('this pod');
  });

  it('is not for a silent probe that was last seen before the process began: its namespace may be another by now', async () => {
    // Of a pod that is gone, 600 s after its kernel began.
    await insertBoot(db.admin, {
      boot: BOOT_A,
      host: 'an earlier pod',
      pidNamespace: NESTED,
      isInitial: false,
      beganS: 1000,
      lastSeenS: 400,
    });
    const of = (startS: number) => tokenOf({ pidNamespace: NESTED, start: String(100 * startS) });
    expect(await processOf(of(599))).toMatchObject({ host: 'an earlier pod' });
    expect(await processOf(of(601))).toBeNull();
    // Clocks that step change nothing: both times are of one report.
    await db.admin.query(`update reaper.host_boot set began_at = began_at - interval '1 hour'`);
    expect(await processOf(of(601))).toBeNull();
    // A pod that took its namespace's inode has a job, and no probe yet: declaring the earlier one gone says nothing of it.
    const name = of(601);
    await db.admin.query(`select reaper.declare_host_gone('an earlier pod', 'test')`);
    const { rows } = await db.admin.query(
      `select reaper.host_is_gone(p.host, reaper.now() - interval '100 s') as by from reaper.worker_process($1) p`,
      [name],
    );
    expect(rows).toEqual([]);
    expect(await one('reaper.worker_trouble($1)', name)).toBe('boot');
    // It is found as soon as a probe reports that sees it.
    await insertBoot(db.admin, { boot: BOOT_A, host: 'node', lastSeenS: 0 });
    expect(await processOf(name)).toMatchObject({ host: 'node' });
  });

  it('is for the probe that still reports, if a machine got another name', async () => {
    await insertBoot(db.admin, { boot: BOOT_A, host: 'new', firstSeenS: 60, lastSeenS: 0 });
    await insertBoot(db.admin, { boot: BOOT_A, host: 'old', firstSeenS: 7_000, lastSeenS: 600 });
    expect(await processOf(tokenOf())).toMatchObject({ host: 'new' });
  });

  it('is what the worker announced, for role reaper too', async () => {
    await insertBoot(db.admin, { boot: BOOT_A, host: 'host-a' });
    await announce('pool-1', tokenOf());
    await announce('pool-1', tokenOf());
    expect(await processOf('pool-1')).toMatchObject({ host: 'host-a', pid: 77 });
    expect((await db.reaper.query('select * from reaper.worker_process($1)', ['pool-1'])).rows).toHaveLength(
      1,
    );
    expect(await processOf('pool-2')).toBeNull();
  });

  it('is not known if two processes announced one id, in whatever order and however often', async () => {
    await insertBoot(db.admin, { boot: BOOT_A });
    await announce('pool-1', tokenOf());
    for (const pid of [78, 77, 79]) await announce('pool-1', tokenOf({ pid }));
    expect(await processOf('pool-1')).toBeNull();
    expect(await one(`reaper.worker_trouble('pool-1')`)).toBe('void');
    expect(await one('(select count(*) from reaper.queue_worker)')).toBe(2);
  });
});

describe('announcing', () => {
  it.each([
    ['', tokenOf()],
    [null, tokenOf()],
    ['x'.repeat(201), tokenOf()],
    ['17', tokenOf()],
    ['pool-1', null],
    ['pool-1', ''],
    ['pool-1', 'jr1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['pool-1', `${tokenOf()}.ab12`],
  ])('refuses id %j with token %j', async (id, token) => {
    await expect(announce(id, token)).rejects.toMatchObject({ code: '22023' });
  });

  it('waits for nobody longer than its limit', async () => {
    const locked = await OpenTransaction.begin(db.admin);
    try {
      await locked.run('lock table reaper.queue_worker in access exclusive mode');
      await expect(announce('pool-1', tokenOf())).rejects.toMatchObject({ code: '55P03' });
    } finally {
      await locked.rollback();
    }
  });
});

describe('status', () => {
  it('counts boots that no probe has reported, and their runs', async () => {
    const other = await createTestDatabase();
    try {
      const unknownBoots = async () => (await readStatus(other.reaper)).unknown_boots;
      await other.admin.query('select reaper.announce($1, $2)', ['pool-1', tokenOf()]);
      const names = ['pool-1', tokenOf(), tokenOf({ bootId: BOOT_B }), 'pool-of-nobody'];
      for (const [job, name] of names.entries()) await insertNamed(other.admin, `j${job}`, name);
      // These rows should name processes themselves.
      expect(await unknownBoots()).toEqual({ count: 0, runs: 0 });
      const troubleOf = (name: string | null) => findWorkerTrouble(other.reaper, name);
      expect(await troubleOf('pool-of-nobody')).toBeNull();
      await nameWorkers(other.admin);
      expect(await unknownBoots()).toEqual({ count: 2, runs: 3 });
      expect([await troubleOf('pool-1'), await troubleOf('pool-of-nobody'), await troubleOf(null)]).toEqual([
        'boot',
        'none',
        'none',
      ]);
      await insertBoot(other.admin, { boot: BOOT_A });
      expect(await unknownBoots()).toEqual({ count: 1, runs: 1 });
      expect(await troubleOf('pool-1')).toBeNull();
    } finally {
      await other.drop();
    }
  });
});

describe('prune', () => {
  it('removes workers that are a day old and that no running job names', async () => {
    for (const id of ['old', 'used', 'young']) await announce(id, tokenOf());
    await db.admin.query(
      `update reaper.queue_worker set announced_at = announced_at - interval '25 hours' where worker_id <> 'young'`,
    );
    await insertNamed(db.admin, 'j1', 'used');
    expect(await prune(db.admin, 2 * DAY_S)).toMatchObject({ workers: 0 });
    expect(await prune(db.admin, DAY_S)).toMatchObject({ workers: 1 });
    expect(await one('(select array_agg(worker_id order by worker_id) from reaper.queue_worker)')).toEqual([
      'used',
      'young',
    ]);
  });
});
