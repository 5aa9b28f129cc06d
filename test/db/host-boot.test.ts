import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readBoots } from '../../src/db/boots.js';
import { readHostState } from '../../src/db/host-state.js';
import { operate } from '../../src/db/operate.js';
import { reportHost, type HostReport } from '../../src/db/report-host.js';
import { readSymptoms } from '../../src/db/symptoms.js';
import { observeRun } from '../../src/db/observe-run.js';
import { judgeBoot } from '../../src/domain/boots.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { BOOT_A, BOOT_B, HOST_REPORT, insertBoot, INITIAL_NAMESPACE } from '../support/boots.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

const stamp = (boot: string, namespace = INITIAL_NAMESPACE, ticks = 100) =>
  `linux::${boot}:${namespace}:${ticks}`;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.admin.query('delete from jobs');
  for (const table of ['host_boot', 'gone_host', 'gone_boot', 'replaced_host', 'host_probe'])
    await db.admin.query(`delete from reaper.${table}`);
});

/** As role `reaper_probe`. */
const report = (given: Partial<HostReport> = {}) => reportHost(db.probe, { ...HOST_REPORT, ...given });

/** A report of a kernel that has run for so long. */
async function reportUptime(kernelS: number, given: Partial<HostReport> = {}, measuredS = 0): Promise<void> {
  const { rows } = await db.admin.query<{ at: Date }>(
    'select reaper.now() - make_interval(secs => $1) as at',
    [measuredS],
  );
  const measuredAt = rows[0]?.at ?? new Date(Number.NaN);
  await report({ ...given, uptimes: { measuredAt, kernelS, pid1S: kernelS } });
}

const declareGone = (host: string) => operate(db.reaper, { action: 'host-gone', host, by: 'ada' });
const declareReplaced = (host: string) =>
  operate(db.reaper, { action: 'host-gone', host, replaced: true, by: 'ada' });
const declareBootGone = (boot: string) => operate(db.reaper, { action: 'boot-gone', boot, by: 'ada' });
const symptomsOf = async () =>
  (await readSymptoms(db.reaper, DEFAULT_POLICY, null, 10)).items.map(({ jobId, symptom }) => [
    jobId,
    symptom,
  ]);
const warnings = async () => {
  const { rows } = await db.reaper.query<{ host_warnings: string[] }>(
    'select host_warnings from reaper.status',
  );
  return rows[0]?.host_warnings;
};

interface PlanNode {
  'Relation Name'?: string;
  'Actual Loops': number;
  Plans?: PlanNode[];
}
/** How often a plan has scanned a table. */
function scansOf(table: string, node: PlanNode): number {
  const own = node['Relation Name'] === table ? node['Actual Loops'] : 0;
  return (node.Plans ?? []).reduce((sum, child) => sum + scansOf(table, child), own);
}

describe('a probe’s report', () => {
  it('returns the interval, and whether anything is claimed', async () => {
    await db.admin.query(
      `update reaper.control set policy = '{"intervalS": 7, "enabled": false}', paused = true`,
    );
    expect(await report()).toEqual({ intervalS: 7, enabled: false, paused: true, reporter: null });
    await db.admin.query(`update reaper.control set policy = null, paused = false`);
    expect(await report()).toEqual({ intervalS: 15, enabled: true, paused: false, reporter: null });
  });

  it('is one line, first and last seen by the database’s clock', async () => {
    await report();
    const { lines: first } = await readBoots(db.probe, [BOOT_A], []);
    await report({ examined: { seen: 3, dead: 1, unknown: 1 } });
    const { lines, nowMs } = await readBoots(db.probe, [BOOT_A, BOOT_B], []);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ boot: BOOT_A, host: 'host-1', isInitial: true, beganMs: null });
    expect(lines[0]?.firstSeenMs).toBe(first[0]?.firstSeenMs);
    expect(lines[0]?.lastSeenMs).toBeGreaterThan(first[0]?.lastSeenMs ?? Infinity);
    expect(lines[0]?.lastSeenMs).toBeLessThanOrEqual(nowMs);
    await report();
    const { rows } = await db.reaper.query('select seen, dead, unknown from reaper.host_boot');
    expect(rows).toEqual([{ seen: 3, dead: 1, unknown: 1 }]);
  });

  it('keeps the earliest beginning of its kernel: one that was paused, or measured late, proves no death', async () => {
    await reportUptime(1_000);
    const before = (await readBoots(db.probe, [BOOT_A], [])).lines[0]?.beganMs ?? 0;
    await reportUptime(900);
    expect((await readBoots(db.probe, [BOOT_A], [])).lines[0]).toMatchObject({
      beganMs: before,
      twiceMs: null,
    });
    await reportUptime(100, {}, 31);
    expect((await readBoots(db.probe, [BOOT_A], [])).lines[0]).toMatchObject({
      beganMs: before,
      twiceMs: null,
    });
  });

  it('notices two kernels of one boot: one that gets younger and then older again is another', async () => {
    await reportUptime(1_000);
    await reportUptime(500);
    expect(await warnings()).toEqual([]);
    await reportUptime(1_000);
    expect((await readBoots(db.probe, [BOOT_A], [])).lines[0]?.twiceMs).not.toBeNull();
    expect(await warnings()).toEqual([
      expect.stringContaining(`host-1: boot ${BOOT_A} is alive on two machines`),
    ]);
  });

  it('for two names of one machine is two lines, and no warning', async () => {
    await reportUptime(1_000);
    await reportUptime(1_000, { host: 'host-2' });
    await reportUptime(1_000);
    expect(
      (await readBoots(db.probe, [BOOT_A], [])).lines.map(({ host, twiceMs }) => [host, twiceMs]),
    ).toEqual([
      ['host-1', null],
      ['host-2', null],
    ]);
    expect(await warnings()).toEqual([]);
  });

  it('is refused for values that no probe can have', async () => {
    await expect(report({ boot: 'x' })).rejects.toThrow('expected a host, boot id');
    await expect(report({ host: '' })).rejects.toThrow('expected a host, boot id');
  });

  it('says what fails, until it no longer does', async () => {
    await report({ failing: 'examineHost: permission denied' });
    expect(await warnings()).toEqual([
      expect.stringMatching(/^host-1: its probe fails since .*permission denied/),
    ]);
    expect(await readHostState(db.reaper, 'host-1')).toMatchObject({
      failing: 'examineHost: permission denied',
    });
    await report();
    expect(await warnings()).toEqual([]);
  });

  it('makes room: lines from 90 days ago go when another comes', async () => {
    await insertBoot(db.admin, { boot: BOOT_B, firstSeenS: 95 * 86_400, lastSeenS: 91 * 86_400 });
    await report();
    expect((await readBoots(db.probe, [BOOT_A, BOOT_B], [])).lines.map(({ boot }) => boot)).toEqual([BOOT_A]);
  });
});

describe('two machines with one name', () => {
  it('are a warning that names both', async () => {
    await report();
    await report({ boot: BOOT_B, machineId: 'b'.repeat(32) });
    expect(await warnings()).toEqual([]);
    await report();
    const [warning] = (await warnings()) ?? [];
    for (const part of ['two probes', 'a'.repeat(32), 'b'.repeat(32), BOOT_A, BOOT_B])
      expect(warning).toContain(part);
  });

  it('are none where the second has followed the first', async () => {
    await insertBoot(db.admin, { boot: BOOT_A, lastSeenS: 20 });
    await report({ boot: BOOT_B });
    await report({ boot: BOOT_B });
    expect(await warnings()).toEqual([]);
  });

  it('and one machine id: the boot that went on after the other began is named', async () => {
    await insertBoot(db.admin, { boot: BOOT_A, firstSeenS: 9_000, lastSeenS: 3_000 });
    await insertBoot(db.admin, { boot: BOOT_B, beganS: 5_000, firstSeenS: 4_000, lastSeenS: 3_000 });
    expect(await warnings()).toEqual([
      expect.stringContaining(`boot ${BOOT_A} went on after boot ${BOOT_B}`),
    ]);
  });
});

describe('a boot whose probe is silent while its runs go on', () => {
  const CLONE = { host: 'host-1', machineId: 'a'.repeat(32) };
  beforeEach(async () => {
    await insertBoot(db.admin, { ...CLONE, boot: BOOT_A, firstSeenS: 9_000, lastSeenS: 8_000 });
    await insertBoot(db.admin, {
      ...CLONE,
      boot: BOOT_B,
      beganS: 5_000,
      pid1S: 5_000,
      firstSeenS: 4_900,
      lastSeenS: 0,
    });
    await insertRunningJob(db.admin, { id: 'old', startedS: 8_500, processIdentity: stamp(BOOT_A) });
    await insertRunningJob(db.admin, { id: 'new', startedS: 10, processIdentity: stamp(BOOT_B) });
  });

  const isOver = async (processIdentity = stamp(BOOT_A)) => {
    const facts = await readBoots(db.probe, [BOOT_A, BOOT_B], [processIdentity]);
    return judgeBoot(processIdentity, BOOT_A, BOOT_B, facts).isOver;
  };

  it('is over by what the probes alone told', async () => {
    expect(await isOver()).toBe(true);
    expect(await warnings()).toEqual([]);
    expect((await readBoots(db.probe, [BOOT_A], [])).lines[0]?.lastStartMs).toBeNull();
  });

  it('is in doubt as long as a run of a process that started after the other had begun', async () => {
    // The kernel began 7200 s ago.
    const late = { host: 'elsewhere', startedS: 4_000, processIdentity: stamp(BOOT_A, '7', 320_000) };
    await insertRunningJob(db.admin, { id: 'later', ...late });
    expect(await isOver()).toBe(false);
    expect(await warnings()).toEqual([
      expect.stringMatching(
        new RegExp(`^host-1: job later started at .* with a stamp of boot ${BOOT_A}, after boot ${BOOT_B}`),
      ),
    ]);
  });

  it('is in doubt for an hour after a process of before got a run, and that process for as long as the run', async () => {
    const [taken, ahead] = [stamp(BOOT_A, '7', 200), stamp(BOOT_A, '7', 300)];
    await insertRunningJob(db.admin, { id: 'taken', startedS: 3_500, processIdentity: taken });
    await insertRunningJob(db.admin, { id: 'ahead', startedS: -86_400, processIdentity: ahead });
    expect(await isOver()).toBe(false);
    await db.admin.query(`update jobs set started_at = started_at - interval '101 s' where id = 'taken'`);
    expect([await isOver(), await isOver(taken), await isOver(ahead)]).toEqual([true, false, false]);
    expect(await warnings()).toEqual([expect.stringContaining('host-1: job ahead started at')]);
  });

  it('takes stamps of any kind', async () => {
    for (const [n, ticks] of ['x', '9'.repeat(40), ''].entries())
      await insertRunningJob(db.admin, {
        id: `odd-${n}`,
        startedS: 10,
        processIdentity: `linux::${BOOT_A}:7:${ticks}`,
      });
    expect(await isOver()).toBe(false);
  });

  it('is looked for in one pass over the running jobs, however many machines have rebooted', async () => {
    for (let n = 2; n < 8; n += 1) {
      const [old, next] = [BOOT_A, BOOT_B].map((boot) => boot.replace(/0$/, String(n)));
      const host = `host-${n}`;
      await insertBoot(db.admin, { host, boot: old ?? '', firstSeenS: 9_000, lastSeenS: 8_000 });
      await insertBoot(db.admin, { host, boot: next ?? '', beganS: 5_000, firstSeenS: 4_900, lastSeenS: 0 });
      await insertRunningJob(db.admin, { host, startedS: 4_000, processIdentity: stamp(old ?? '') });
    }
    expect(await warnings()).toHaveLength(6);
    const { rows } = await db.admin.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      'explain (analyze, format json) select * from reaper.host_warning',
    );
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    expect(plan && scansOf('jobs', plan)).toBe(1);
  });

  it('is over all the same beside a row that does not say when it started', async () => {
    await insertRunningJob(db.admin, { id: 'odd', startedS: null, processIdentity: stamp(BOOT_A) });
    await db.admin.query(`update jobs set started_at = 'infinity' where id = 'odd'`);
    expect(await isOver()).toBe(true);
  });
});

describe('host-gone', () => {
  const goneBy = async (ref: { jobId: string; runKey: string }) =>
    (await observeRun(db.reaper, ref)).hostGoneBy;

  it('is in force until one report, for every scan and look', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1' });
    await declareGone('host-1');
    expect([await goneBy(run), await symptomsOf()]).toEqual(['ada', [['j1', 'host gone']]]);
    await report();
    expect([await goneBy(run), await symptomsOf()]).toEqual([null, []]);
  });

  it('does not come back when a sweep that began before the declaration is recorded after the answer', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1' });
    const { rows } = await db.admin.query<{ at: Date }>('select reaper.now() as at');
    await declareGone('host-1');
    await report();
    await db.reaper.query(`select reaper.record_sweep($1, '{"hostsAnswered": ["host-1"]}')`, [rows[0]?.at]);
    expect(await goneBy(run)).toBeNull();
  });

  it('also ends with a sweep’s record, which is all that probes of the previous version leave', async () => {
    const run = await insertRunningJob(db.admin, { id: 'j1' });
    await declareGone('host-1');
    await db.reaper.query(`select reaper.record_sweep(reaper.now(), '{"hostsAnswered": ["host-1"]}')`);
    expect(await goneBy(run)).toBeNull();
  });

  it('does not cover runs that started later, or do not say when', async () => {
    await declareGone('host-1');
    const later = await insertRunningJob(db.admin, { id: 'j1', startedS: -1 });
    expect(await goneBy(later)).toBeNull();
  });

  it('is refused while a probe reports', async () => {
    await report();
    await expect(declareGone('host-1')).rejects.toMatchObject({ code: 'RP002' });
  });
});

describe('host-gone --replaced', () => {
  const placeGone = async (ref: { jobId: string; runKey: string }) =>
    (await observeRun(db.reaper, ref)).placeGone;

  it('covers runs that started before the answering probe’s pid 1, in another pid namespace', async () => {
    const [before, sameSpace, after, unstamped] = [
      await insertRunningJob(db.admin, { id: 'before', startedS: 900, processIdentity: stamp(BOOT_A, '7') }),
      await insertRunningJob(db.admin, { id: 'same', startedS: 900, processIdentity: stamp(BOOT_A, '8') }),
      await insertRunningJob(db.admin, { id: 'after', startedS: 30, processIdentity: stamp(BOOT_A, '7') }),
      await insertRunningJob(db.admin, { id: 'bare', startedS: 900 }),
    ];
    await reportUptime(60, { pidNamespace: '8', isInitial: false });
    await declareReplaced('host-1');
    expect(await placeGone(before)).toMatch(/^host declared replaced by ada/);
    expect([await placeGone(sameSpace), await placeGone(after), await placeGone(unstamped)]).toEqual([
      null,
      null,
      null,
    ]);
    expect(await symptomsOf()).toEqual([['before', 'host gone']]);
  });

  it('ends for a run when a probe reports from where its stamp says', async () => {
    const run = await insertRunningJob(db.admin, { startedS: 900, processIdentity: stamp(BOOT_A, '7') });
    await reportUptime(60, { pidNamespace: '8', isInitial: false });
    await declareReplaced('host-1');
    expect(await placeGone(run)).not.toBeNull();
    await report({ pidNamespace: '7', isInitial: false });
    expect(await placeGone(run)).toBeNull();
  });

  it('is refused if none or two probes report, or if the start of pid 1 is unknown', async () => {
    await expect(declareReplaced('host-1')).rejects.toThrow(
      'expected one probe to report for host "host-1", got 0',
    );
    await report();
    await expect(declareReplaced('host-1')).rejects.toThrow('to report when its pid 1 started');
    await report({ pidNamespace: '7' });
    await expect(declareReplaced('host-1')).rejects.toThrow('got 2');
  });
});

describe('boot-gone', () => {
  it('covers the runs with a stamp of that boot, wherever they are, until a probe reports from it', async () => {
    const run = await insertRunningJob(db.admin, {
      id: 'j1',
      host: 'x',
      processIdentity: stamp(BOOT_A, '7'),
    });
    await insertRunningJob(db.admin, { id: 'j2', host: 'x', processIdentity: stamp(BOOT_B) });
    await insertBoot(db.admin, { boot: BOOT_A });
    await declareBootGone(BOOT_A);
    expect(await symptomsOf()).toEqual([['j1', 'host gone']]);
    expect((await observeRun(db.reaper, run)).placeGone).toBe(`boot ${BOOT_A} declared gone by ada`);
    const { rows } = await db.reaper.query(
      `select by, detail from reaper.control_change where action = 'boot-gone'`,
    );
    expect(rows).toEqual([{ by: 'ada', detail: { boot: BOOT_A } }]);
    await report({ host: 'another-name' });
    expect(await symptomsOf()).toEqual([]);
  });

  it('is refused while a probe reports from it, and for what is no boot id', async () => {
    await report();
    await expect(declareBootGone(BOOT_A)).rejects.toMatchObject({ code: 'RP002' });
    await expect(declareBootGone('host-1')).rejects.toThrow('expected a boot id');
  });
});
