import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readFleet } from '../../src/db/fleet.js';
import { recordSweep } from '../../src/db/record-sweep.js';
import { reportHost, type HostReport } from '../../src/db/report-host.js';
import { HOST_REPORT } from '../support/boots.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';

const HOSTS = 40;
const INTERVAL_S = 15;
const WELL = { seen: 1, dead: 0, unknown: 0, byItself: true };

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  await db.clean();
  await insertHosts(HOSTS);
});
afterAll(() => db.drop());

const name = (n: number) => `host-${String(n).padStart(2, '0')}`;
const all = Array.from({ length: HOSTS }, (_, n) => name(n));

/** One running job on each. */
const insertHosts = (count: number) =>
  db.admin.query(
    `insert into jobs (id, agent, status, attempts, host, pid, started_at)
       select n::text, 'a', 'running', 1, 'host-' || lpad(n::text, 2, '0'), 1, reaper.now() from generate_series(0, $1 - 1) n`,
    [count],
  );

/** A report of each of these hosts, each of its own boot. */
async function report(hosts: readonly string[], given: Partial<HostReport> = {}): Promise<void> {
  for (const host of hosts) {
    const boot = `00000000-0000-4000-8000-${Buffer.from(host).toString('hex').padStart(12, '0').slice(-12)}`;
    await reportHost(db.probe, { ...HOST_REPORT, machineId: host, host, boot, examined: WELL, ...given });
  }
}

const read = (after: string | null = null, limit = 500) =>
  readFleet(db.reaper, { after, limit, intervalS: INTERVAL_S });

describe('the hosts that a scan lists', () => {
  it('are all of them as long as their probes do not look by themselves', async () => {
    await report(all, { examined: { ...WELL, byItself: false } });
    expect(await read()).toMatchObject({ hosts: all, nextHost: null, healthyHosts: 0, isWhole: true });
  });

  it('are ten in turn if nothing is wrong, so that each has its turn', async () => {
    await report(all);
    const seen: string[] = [];
    let after: string | null = null;
    for (let n = 0; n < HOSTS / 10; n += 1) {
      const fleet = await read(after);
      expect(fleet).toMatchObject({ healthyHosts: HOSTS - 10, isWhole: true });
      expect(fleet.hosts).toHaveLength(10);
      seen.push(...fleet.hosts);
      after = fleet.nextHost;
    }
    expect(seen).toEqual(all);
    // And round again.
    expect((await read(after)).hosts).toEqual(all.slice(0, 10));
  });

  it('are all of a small fleet', async () => {
    await db.admin.query(`delete from jobs where host >= 'host-14'`);
    await report(all);
    expect(await read()).toMatchObject({ hosts: all.slice(0, 14), nextHost: null, healthyHosts: 0 });
  });

  it('are all of them for a worker of an older version', async () => {
    await report(all);
    expect((await readFleet(db.reaper)).hosts).toEqual(all);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['has something dead', () => report([name(33)], { examined: { ...WELL, dead: 1 } })],
    ['has something unknown', () => report([name(33)], { examined: { ...WELL, unknown: 1 } })],
    [
      'had something dead when a sweep asked it',
      () => report([name(33)], { examined: { ...WELL, dead: 1, byItself: false } }),
    ],
    ['fails', () => report([name(33)], { failing: 'out of files' })],
    [
      'has not reported for two intervals',
      () =>
        db.admin.query(
          `update reaper.host_boot set last_seen_at = reaper.now() - interval '31 s' where host = 'host-33'`,
        ),
    ],
    [
      'has not looked for two intervals',
      () =>
        db.admin.query(
          `update reaper.host_boot set examined_at = reaper.now() - interval '31 s' where host = 'host-33'`,
        ),
    ],
    [
      'looked in the future, because the clock was set back',
      () =>
        db.admin.query(
          `update reaper.host_boot set examined_at = reaper.now() + interval '1 hour' where host = 'host-33'`,
        ),
    ],
    [
      'has a second probe that does not look',
      () => report([name(33)], { pidNamespace: '4026599999', isInitial: false, examined: null }),
    ],
    [
      'has a warning',
      () => db.admin.query(`update reaper.host_boot set twice_at = reaper.now() where host = 'host-33'`),
    ],
    [
      'did not answer before it reported',
      () => recordSweep(db.reaper, Date.now(), { number: 1, error: null, hostsWithoutProbe: [name(33)] }),
    ],
  ])('include one that %s, beside the ten', async (_, spoil) => {
    await report(all);
    await spoil();
    const fleet = await read();
    expect(fleet.hosts).toEqual([...all.slice(0, 10), name(33)]);
    expect(fleet).toMatchObject({ nextHost: name(9), healthyHosts: HOSTS - 11, isWhole: true });
  });

  it('are limited, and then continue with those that must be asked', async () => {
    await report(all.slice(0, 15));
    const first = await read(null, 20);
    // Ten that seem healthy, and twenty of the others.
    expect(first.hosts).toEqual([...all.slice(0, 10), ...all.slice(15, 35)]);
    expect(first).toMatchObject({ nextHost: name(34), isWhole: false });
    const second = await read(first.nextHost, 20);
    expect(second.hosts).toEqual([...all.slice(0, 10), ...all.slice(15, 30), ...all.slice(35)]);
    expect(second.nextHost).toBe(name(29));
  });
});
