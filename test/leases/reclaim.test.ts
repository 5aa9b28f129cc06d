import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LeaseFolder, reclaimLeases } from '../../src/leases/index.js';
import { SteppedFolder } from './stepped-folder.js';
import {
  deadHolder,
  HOST,
  LEASE,
  leaseText,
  leaveLease,
  liveHolder,
  reclaim,
  Records,
  useLeaseFolder,
} from './support.js';

const folder = useLeaseFolder();

class DeadFolder extends LeaseFolder {
  override unlink(): Promise<boolean> {
    return Promise.reject(new Error('the reclaimer died'));
  }
}

describe('a stale lease', () => {
  it('is recorded with its holder, the reason and the evidence', async () => {
    const holder = await deadHolder();
    const acquired_at = '2026-01-31T12:00:00.000Z';
    await writeFile(join(folder.path, LEASE), leaseText(holder, { acquired_at }));
    const { reclaimed } = await reclaim(folder.path);
    expect(reclaimed).toMatchObject([
      {
        repo: 'web',
        token: 'token-1',
        ...holder,
        acquiredAt: new Date(acquired_at),
        ttlS: 600,
        reason: expect.stringMatching(`^holder dead: pid ${holder.pid} absent`) as string,
        evidence: { liveness: { state: 'dead' } },
      },
    ]);
  });

  it('is reclaimed once, whichever step a reclaimer dies before', async () => {
    await leaveLease(folder.path, await deadHolder());
    const records = new Records();
    // It can record the reclaim, but cannot remove anything.
    const died = await reclaim(new DeadFolder(folder.path), { record: records.record });
    expect(died).toMatchObject({ result: 'trouble', detail: ['the reclaimer died'] });
    expect(records.made).toHaveLength(1);
    const next = await reclaim(folder.path, { record: records.record });
    expect(next).toMatchObject({ result: 'free', detail: ['reclaimed before'], reclaimed: [] });
    expect(await folder.files()).toEqual([]);
    expect(records.made).toHaveLength(1);
  });

  it('is put back when it cannot be recorded, and reclaimed once it can', async () => {
    await writeFile(join(folder.path, LEASE), leaseText(await deadHolder()));
    const record = () => Promise.reject(new Error('Postgres is away'));
    expect(await reclaim(folder.path, { record })).toMatchObject({
      result: 'trouble',
      trouble: ['Postgres is away'],
    });
    expect(await folder.files()).toEqual([LEASE]);
    expect((await reclaim(folder.path)).result).toBe('reclaimed');
  });

  it('left in the middle of a renewal counts as one lease', async () => {
    const holder = await deadHolder();
    await leaveLease(folder.path, holder);
    const held_since = '2026-01-31T12:00:00.000Z';
    for (const second of [0, 1]) {
      const name = `${LEASE}.aside-held-00000000-0000-4000-8000-00000000000${second}`;
      const acquired_at = `2026-01-31T12:00:0${second}.000Z`;
      await writeFile(join(folder.path, name), leaseText(holder, { held_since, acquired_at }));
    }
    const { reclaimed } = await reclaim(folder.path);
    expect(reclaimed).toHaveLength(1);
    expect(await folder.files()).toEqual([]);
  });

  it.each(['before either moves it', 'when one has moved it', 'when one has put it on record'])(
    'is reclaimed once by two reclaimers at the same time: %s',
    async (when) => {
      await leaveLease(folder.path, await deadHolder());
      const records = new Records();
      const steps = new SteppedFolder(folder.path);
      const pause =
        when === 'before either moves it'
          ? steps.pauseBefore('rename')
          : when === 'when one has moved it'
            ? steps.pauseBefore('read', /aside-(?!held)/)
            : steps.pauseBefore('unlink');
      const slow = reclaim(steps, { record: records.record });
      await pause.reached;
      const quick = await reclaim(folder.path, { record: records.record });
      pause.goOn();
      const results = [quick, await slow];
      expect(results.flatMap(({ reclaimed }) => reclaimed)).toHaveLength(1);
      expect(results.flatMap(({ trouble }) => trouble)).toEqual([]);
      expect(records.made).toHaveLength(1);
      expect(await folder.files()).toEqual([]);
    },
  );
});

describe('while reclaims are blocked', () => {
  it('nothing is moved', async () => {
    await leaveLease(folder.path, await deadHolder());
    const steps = new SteppedFolder(folder.path);
    let moved = false;
    void steps.pauseBefore('rename').reached.then(() => (moved = true));
    const why = 'paused by op: r';
    expect(await reclaim(steps, { blockOn: () => Promise.resolve(why) })).toMatchObject({
      result: 'blocked',
      detail: [why],
    });
    expect(moved).toBe(false);
  });

  it('a lease that was moved before is put back', async () => {
    await writeFile(join(folder.path, LEASE), leaseText(await deadHolder()));
    const why = 'held: repo web by op until 2026: r';
    expect(
      await reclaim(folder.path, { record: () => Promise.resolve({ result: 'blocked', why }) }),
    ).toMatchObject({ result: 'blocked', detail: [why] });
    expect(await folder.files()).toEqual([LEASE]);
  });
});

describe('a holder', () => {
  it('that is proven alive keeps its lease long after its TTL', async () => {
    const acquired_at = '2026-01-31T12:00:00Z';
    await writeFile(join(folder.path, LEASE), leaseText(liveHolder(), { acquired_at, ttl_s: 1 }));
    expect((await reclaim(folder.path)).result).toBe('held');
    expect(await folder.files()).toEqual([LEASE]);
  });

  it.each([
    ['600', 'held'],
    ['0.000001', 'reclaimed'],
  ])('on another host is judged by its TTL alone: %ss, %s', async (ttl, result) => {
    const acquired_at = new Date(Date.now() - 1000).toISOString();
    const elsewhere = { ...(await deadHolder()), host: 'elsewhere' };
    await writeFile(join(folder.path, LEASE), leaseText(elsewhere, { acquired_at, ttl_s: Number(ttl) }));
    expect(await reclaim(folder.path)).toMatchObject({
      result,
      detail: [expect.stringContaining(`its host is elsewhere, this host is ${HOST}`) as string],
    });
  });

  it('of a reused pid is dead', async () => {
    const { identity } = await deadHolder();
    await writeFile(join(folder.path, LEASE), leaseText({ ...liveHolder(), identity }));
    expect((await reclaim(folder.path)).result).toBe('reclaimed');
  });
});

it('a failure in one repo does not stop the others', async () => {
  const holder = await deadHolder();
  for (const repo of ['api', 'broken', 'web']) await leaveLease(folder.path, holder, repo);
  const { record } = new Records();
  const reports = await reclaimLeases({
    folder: folder.path,
    repos: ['api', 'broken', '../evil', 'empty', 'web', 'api'],
    host: HOST,
    sharedPidNamespace: true,
    blockOn: () => Promise.resolve(null),
    record: (lease) => (lease.repo === 'broken' ? Promise.reject(new Error('no')) : record(lease)),
  });
  expect(reports.map(({ repo, result }) => [repo, result])).toEqual([
    ['api', 'reclaimed'],
    ['broken', 'trouble'],
    ['../evil', 'trouble'],
    ['empty', 'free'],
    ['web', 'reclaimed'],
  ]);
});
