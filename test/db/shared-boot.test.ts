import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HostReporter } from '../../src/activities/host-reporter.js';
import { createProbeActivities } from '../../src/activities/probe.js';
import type { Queryable } from '../../src/db/database.js';
import { reportHost, type Reporter, type ReporterAnswer } from '../../src/db/report-host.js';
import { parseStamp, processIdentity, readPlace } from '../../src/liveness/index.js';
import { Names } from '../../src/naming.js';
import { HOST_REPORT, reporterOf } from '../support/boots.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

const isLinux = process.platform === 'linux';

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await endProcesses();
  await db.drop();
});

/** A report from this boot and namespace, of whatever process. */
async function reportAs(
  me: Pick<Reporter, 'pid' | 'start'> & Partial<Reporter>,
): Promise<ReporterAnswer | null> {
  const { bootId, pidNamespace, machineId, isInitial } = readPlace();
  const { reporter } = await reportHost(db.probe, {
    ...HOST_REPORT,
    ...{ boot: bootId, pidNamespace, machineId, isInitial },
    reporter: reporterOf(me),
  });
  return reporter;
}

function startOf(identity: string | null): string {
  const stamp = parseStamp(identity ?? '');
  if (stamp?.scheme !== 'linux') throw new Error('Expected a stamp, got none');
  return stamp.start;
}

function gate() {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open: () => open(), opened };
}

/** What another worker of this machine is to a reporter. */
function startWorker() {
  const process = startProcess();
  return { ...process, me: { pid: process.pid, start: startOf(process.processIdentity) } };
}

const silence = (pid: number) =>
  db.admin.query(
    `update reaper.host_reporter set last_seen_at = reaper.now() - interval '50 s' where pid = $1`,
    [pid],
  );
const warnings = async () =>
  (await db.reaper.query<{ what: string }>('select what from reaper.host_warning')).rows.map(
    ({ what }) => what,
  );

it.skipIf(!isLinux)('two workers side by side are in no doubt (needs Linux)', async () => {
  const reporter = new HostReporter({ pool: db.probe, host: 'host-1' });
  const other = startWorker();
  for (let n = 0; n < 3; n += 1) {
    await reportAs({ ...other.me, turn: n });
    expect((await reporter.report()).doubt).toBeNull();
  }
  const second = new HostReporter({ pool: db.probe, host: 'host-1' });
  await second.report();
  expect((await reporter.report()).doubt).toBeNull();
  expect(await warnings()).toEqual([]);
});

it.skipIf(!isLinux)(
  'while one that reported a moment ago is not here nothing is called dead; once it is silent everything is as ever (needs Linux)',
  async () => {
    const other = startWorker();
    await reportAs(other.me);
    await other.kill();
    const run = startProcess();
    await run.kill();
    const alive = startProcess();
    await insertRunningJob(db.admin, { id: 'dead', ...run });
    await insertRunningJob(db.admin, { id: 'unstamped', pid: run.pid });
    await insertRunningJob(db.admin, { id: 'alive', ...alive });
    const probe = createProbeActivities({
      pool: db.probe,
      names: new Names('test'),
      host: 'host-1',
      sharedPidNamespace: true,
    });
    for (const processIdentity of [run.processIdentity, null]) {
      const { state, evidence } = await probe.probeRun('host-1', { pid: run.pid, processIdentity });
      expect([state, evidence]).toEqual([
        'unknown',
        expect.stringMatching(
          new RegExp(`another probe .*pid ${other.pid}.*not on this machine.*; here pid ${run.pid} absent`),
        ),
      ]);
    }
    expect(await probe.examineHost('host-1', null, 60_000)).toMatchObject({ symptoms: [], unknown: 2 });
    expect(await probe.probeRun('host-1', alive)).toMatchObject({ state: 'alive', proven: true });
    await silence(other.pid);
    expect(await probe.probeRun('host-1', run)).toMatchObject({ state: 'dead' });
    expect((await probe.examineHost('host-1', null, 60_000)).symptoms).toHaveLength(2);
    expect(await warnings()).toEqual([]);
  },
);

it.skipIf(!isLinux)(
  'one that reports again after it was not found here is on another machine (needs Linux)',
  async () => {
    const reporter = new HostReporter({ pool: db.probe, host: 'host-1' });
    const other = startWorker();
    await other.kill();
    await reportAs(other.me);
    expect((await reporter.report()).doubt).toContain('is not on this machine');
    // Looks are reported as well: the time that counts is that of the first.
    expect((await reporter.report()).doubt).toContain('is not on this machine');
    // Long after: nothing that it sent before can still be under way.
    await db.admin.query(
      `update reaper.host_reporter set last_seen_at = last_seen_at + interval '25 s' where pid = $1`,
      [other.pid],
    );
    await db.admin.query(
      `create or replace function reaper.now() returns timestamptz language sql volatile
       as $$ select pg_catalog.clock_timestamp() + interval '26 s' $$`,
    );
    // The step of the clock makes one report late, which counts for nothing.
    expect((await reporter.report()).doubt).toContain('was delayed');
    expect((await reporter.report()).doubt).toContain('is alive on two machines');
    expect(await warnings()).toEqual([expect.stringContaining('is alive on two machines')]);
  },
);

it.skipIf(!isLinux)(
  'one that was seen alive here and is not here any more has ended, until it reports again (needs Linux)',
  async () => {
    const reporter = new HostReporter({ pool: db.probe, host: 'host-1' });
    const other = startWorker();
    await reportAs(other.me);
    expect((await reporter.report()).doubt).toBeNull();
    await other.kill();
    for (let n = 0; n < 2; n += 1) expect((await reporter.report()).doubt).toBeNull();
    await reportAs({ ...other.me, turn: 1 });
    expect((await reporter.report()).doubt).toContain('is not on this machine');
  },
);

it.skipIf(!isLinux)(
  'one that a third worker has seen alive has ended if that worker is here (needs Linux)',
  async () => {
    const [gone, witness] = [startWorker(), startWorker()];
    await reportAs(gone.me);
    await gone.kill();
    await reportAs({ ...witness.me, seen: [gone.me] });
    const reporter = new HostReporter({ pool: db.probe, host: 'host-1' });
    expect((await reporter.report()).doubt).toBeNull();
    await witness.kill();
    const successor = new HostReporter({ pool: db.probe, host: 'host-1' });
    expect((await successor.report()).doubt).toContain('is not on this machine');
  },
);

it.skipIf(!isLinux)(
  'a worker that was resumed on two machines is noticed at its next report (needs Linux)',
  async () => {
    const reporter = new HostReporter({ pool: db.probe, host: 'host-1' });
    await reporter.report();
    const { rows } = await db.admin.query<Pick<Reporter, 'pid' | 'start' | 'instance' | 'turn'>>(
      'select pid, start, instance, turn from reaper.host_reporter',
    );
    const [me] = rows;
    expect(me).toMatchObject({ pid: process.pid, start: startOf(processIdentity(process.pid)) });
    if (me === undefined) return;
    expect((await reporter.report()).doubt).toBeNull();
    expect(await reportAs(me)).toMatchObject({ isTwice: true });
    expect((await reporter.report()).doubt).toContain('is alive on two machines');
  },
);

it.skipIf(!isLinux)(
  'a worker whose pid another machine’s worker has too, started at another time, is not it (needs Linux)',
  async () => {
    const reporter = new HostReporter({ pool: db.probe, host: 'host-1' });
    const start = String(Number(startOf(processIdentity(process.pid))) + 1);
    await reportAs({ pid: process.pid, start });
    expect((await reporter.report()).doubt).toContain('is not on this machine');
  },
);

it.skipIf(!isLinux)('two copies of this package in one process are two reporters (needs Linux)', async () => {
  vi.resetModules();
  const copy = await import('../../src/activities/host-reporter.js');
  const reporters = [HostReporter, copy.HostReporter].map(
    (Reporter) => new Reporter({ pool: db.probe, host: 'host-1' }),
  );
  expect(copy.HostReporter).not.toBe(HostReporter);
  for (const reporter of [...reporters, ...reporters, ...reporters])
    expect((await reporter.report()).doubt).toBeNull();
});

it.skipIf(!isLinux)('a lost answer raises no doubt (needs Linux)', async () => {
  let isLosing = false;
  const query: Queryable['query'] = async (text, values) => {
    const result = await db.probe.query(text, values);
    if (isLosing && text.includes('report_host')) throw new Error('Connection terminated');
    return result as never;
  };
  const reporter = new HostReporter({ pool: { query }, host: 'host-1' });
  await reporter.report();
  isLosing = true;
  await expect(reporter.report()).rejects.toThrow('Connection terminated');
  isLosing = false;
  for (let n = 0; n < 3; n += 1) expect((await reporter.report()).doubt).toBeNull();
  const { rows } = await db.admin.query('select turn from reaper.host_reporter');
  expect(rows).toEqual([{ turn: 5 }]);
});

it.skipIf(!isLinux)(
  'a report that was given up on does not take part in the next one (needs Linux)',
  { timeout: 30_000 },
  async () => {
    const [clock, answer] = [gate(), gate()];
    let [clocks, reports] = [0, 0];
    const query: Queryable['query'] = async (text, values) => {
      const isReport = text.includes('report_host');
      if (isReport && (reports += 1) === 1) await answer.opened;
      const result = await db.probe.query(text, values);
      if (!isReport && (clocks += 1) === 1) await clock.opened;
      return result as never;
    };
    const { bootId, pidNamespace, machineId, isInitial } = readPlace();
    await reportHost(db.probe, {
      ...{ host: 'host-1', boot: bootId, pidNamespace, machineId, isInitial },
      ...{ uptimes: null, examined: null, failing: null },
    });
    await db.admin.query('update reaper.host_boot set twice_at = reaper.now()');
    const reporter = new HostReporter({ pool: { query }, host: 'host-1' });
    await expect(reporter.report()).rejects.toThrow('within 10 s');
    const second = reporter.report();
    await eventually('the second report to be sent', () => reports === 1);
    clock.open();
    await new Promise(setImmediate);
    answer.open();
    expect((await second).doubt).toContain('is alive on two machines');
    const { rows } = await db.admin.query('select turn from reaper.host_reporter');
    expect(rows).toEqual([{ turn: 1 }]);
  },
);

it.skipIf(!isLinux)('one that leaves is forgotten, whatever it still reports (needs Linux)', async () => {
  const reporter = new HostReporter({ pool: db.probe, host: 'host-1' });
  await reporter.report();
  await reporter.leave();
  await reporter.report();
  expect((await db.admin.query('select from reaper.host_reporter')).rowCount).toBe(0);
});
