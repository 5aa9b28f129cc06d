import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLeaseActivities } from '../../src/activities/leases.js';
import { readLeaseBlock } from '../../src/db/lease-block.js';
import { operate } from '../../src/db/operate.js';
import { recordLeaseReclaim } from '../../src/db/record-lease-reclaim.js';
import type { LeaseReclaim } from '../../src/domain/lease.js';
import type { Operation } from '../../src/domain/operation.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction, waitsForLock } from '../support/locks.js';
import { deadHolder, HOST, LEASE, leaseText, leaveLease, useLeaseFolder } from './support.js';

const folder = useLeaseFolder();
let db: TestDatabase;

beforeEach(async () => (db = await createTestDatabase()));
afterEach(() => db.drop());

const lease: LeaseReclaim = {
  key: 'k1',
  repo: 'web',
  token: 't1',
  pid: 71,
  host: 'host-1',
  identity: null,
  acquiredAt: new Date('2026-01-31T12:00:00.123Z'),
  ttlS: 0.5,
  reason: 'holder dead: pid 71 absent',
  evidence: { liveness: { state: 'dead' } },
};
const unreadable = { token: null, pid: null, host: null, identity: null, acquiredAt: null, ttlS: null };
const pause: Operation = { action: 'pause', reason: 'r', by: 'op' };

async function readRecords(): Promise<Record<string, unknown>[]> {
  const { rows } = await db.reaper.query('select * from reaper.lease_reclaim order by id');
  return rows;
}

describe('a record', () => {
  it('contains everything known about the lease', async () => {
    expect(await recordLeaseReclaim(db.reaper, lease, 'host-2')).toMatchObject({ result: 'recorded' });
    await recordLeaseReclaim(db.reaper, { ...lease, ...unreadable, key: 'k2' }, 'host-2');
    const {
      key,
      repo,
      token,
      pid,
      host,
      identity,
      acquiredAt: acquired_at,
      ttlS: ttl_s,
      reason,
      evidence,
    } = lease;
    const known = {
      key,
      repo,
      token,
      pid,
      host,
      identity,
      acquired_at,
      ttl_s,
      reason,
      evidence,
      by: 'host-2',
    };
    expect(await readRecords()).toMatchObject([known, { key: 'k2', repo, token: null, acquired_at: null }]);
  });

  it('is made once per key, however many processes reclaim at the same time', async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, () => recordLeaseReclaim(db.reaper, lease, 'host-2')),
    );
    expect(results.map(({ result }) => result).sort()).toEqual([
      ...Array<string>(7).fill('known'),
      'recorded',
    ]);
    expect(await readRecords()).toHaveLength(1);
  });

  it('is refused in an isolation level that would not see a pause', async () => {
    const client = await db.reaper.connect();
    await client.query('begin isolation level repeatable read');
    const call = `select reaper.record_lease_reclaim('k', 'web', null, null, null, null, null, null, 'r', '{}', 'h')`;
    await expect(client.query(call)).rejects.toThrow('read committed');
    client.release(true);
  });
});

describe('reclaims are blocked', () => {
  const hold = { action: 'hold', reason: 'r', by: 'op', seconds: 60 } as const;
  it.each<[string, Operation, RegExp]>([
    ['a pause', pause, /^paused by op: r$/],
    ['the dry run', { action: 'observe', by: 'op' }, /^observe: dry run/],
    ['a hold of the repo', { ...hold, kind: 'repo', value: 'web' }, /^held: repo web by op/],
    ["a hold of the holder's host", { ...hold, kind: 'host', value: 'host-1' }, /^held: host host-1 by op/],
  ])('by %s, both before anything is moved and when it is recorded', async (_, operation, why) => {
    await operate(db.reaper, operation);
    expect(await readLeaseBlock(db.reaper, 'web', 'host-1')).toMatch(why);
    expect(await recordLeaseReclaim(db.reaper, lease, 'host-2')).toMatchObject({
      result: 'blocked',
      why: expect.stringMatching(why) as string,
    });
    expect(await readRecords()).toEqual([]);
  });

  it.each<[string, string]>([
    [
      'holds of others',
      `select reaper.put_hold('repo', 'api', 'r', 'op', 60), reaper.put_hold('job', 'web', 'r', 'op', 60)`,
    ],
    ['a hold that is over', `select reaper.put_hold('repo', 'web', 'r', 'op', -1)`],
    ['REAPER_ENABLED', `select reaper.publish_policy('{"enabled": false}', 'op')`],
  ])('not by %s', async (_, sql) => {
    await db.reaper.query(sql);
    expect(await readLeaseBlock(db.reaper, 'web', 'host-1')).toBeNull();
    expect(await recordLeaseReclaim(db.reaper, lease, 'host-2')).toMatchObject({ result: 'recorded' });
  });

  it('by a pause that a record waited for', async () => {
    const operator = await OpenTransaction.begin(db.reaper);
    await operator.run(`select reaper.pause('r', 'op')`);
    const recorded = recordLeaseReclaim(db.reaper, lease, 'host-2');
    await waitsForLock(db.admin, 'reaper.record_lease_reclaim');
    await operator.commit();
    expect(await recorded).toMatchObject({ result: 'blocked' });
    expect(await readRecords()).toEqual([]);
  });

  it('a pause waits for a record in progress: once it has returned, no other follows', async () => {
    const reclaimer = await OpenTransaction.begin(db.reaper);
    await reclaimer.run(
      `select reaper.record_lease_reclaim('k', 'web', null, null, null, null, null, null, 'r', '{}', 'h')`,
    );
    const pausing = operate(db.reaper, pause);
    await waitsForLock(db.admin, 'reaper.pause');
    await reclaimer.commit();
    await pausing;
    expect(await recordLeaseReclaim(db.reaper, lease, 'host-2')).toMatchObject({ result: 'blocked' });
    expect(await readRecords()).toHaveLength(1);
  });
});

describe('the activity', () => {
  let lines: string[];
  beforeEach(() => (lines = []));

  function activity(repos: string[]) {
    const log = (line: string): void => void lines.push(line);
    return createLeaseActivities({
      pool: db.reaper,
      folder: folder.path,
      repos,
      host: HOST,
      sharedPidNamespace: true,
      log: { info: log, warn: log, error: log },
    });
  }

  it('reclaims stale leases with one log line each, and logs nothing when nothing happened', async () => {
    const leases = activity(['web', 'api']);
    expect(await leases.reclaimLeases()).toEqual({ reclaimed: 0, trouble: [] });
    expect(lines).toEqual([]);
    await leaveLease(folder.path, await deadHolder());
    expect(await leases.reclaimLeases()).toEqual({ reclaimed: 1, trouble: [] });
    expect(await leases.reclaimLeases()).toEqual({ reclaimed: 0, trouble: [] });
    expect(lines).toEqual([
      expect.stringMatching(/^lease of repo web reclaimed \(holder dead: pid \d+ absent/),
    ]);
    expect(await readRecords()).toMatchObject([{ repo: 'web', by: HOST }]);
    expect(await folder.files()).toEqual([]);
  });

  it('reclaims nothing while paused, and continues when resumed', async () => {
    await writeFile(join(folder.path, LEASE), leaseText(await deadHolder()));
    const leases = activity(['web']);
    await operate(db.reaper, pause);
    expect(await leases.reclaimLeases()).toEqual({ reclaimed: 0, trouble: [] });
    expect(await folder.files()).toEqual([LEASE]);
    await operate(db.reaper, { action: 'resume', by: 'op' });
    expect(await leases.reclaimLeases()).toEqual({ reclaimed: 1, trouble: [] });
  });

  it('logs trouble once when it changes, not at every sweep', async () => {
    await mkdir(join(folder.path, LEASE));
    const leases = activity(['web', '../evil']);
    const first = await leases.reclaimLeases();
    expect(first.trouble).toHaveLength(2);
    expect(await leases.reclaimLeases()).toEqual(first);
    expect(lines).toEqual(first.trouble.map((line) => `lease trouble: ${line}`));
  });
});
