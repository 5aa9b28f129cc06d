import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HostReporter } from '../../src/activities/host-reporter.js';
import type { Queryable } from '../../src/db/database.js';
import { publishPolicy } from '../../src/db/policy.js';
import { DEFAULT_POLICY, type Policy } from '../../src/domain/types.js';
import { createProbeActivities } from '../../src/activities/probe.js';
import { createLinuxDriver, processIdentity } from '../../src/liveness/index.js';
import { Names } from '../../src/naming.js';
import { Sentinel, type SentinelOptions } from '../../src/sentinel/sentinel.js';
import { canNest, endContainer, NEEDS, startNested } from '../liveness/nested.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { KeptLog } from '../support/quiet.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

const HOST = 'host-1';

let db: TestDatabase;
let stop: AbortController;
let running: Promise<void> | undefined;
const looks = vi.fn();
const reports = vi.fn<(result: string) => void>();
const tell = vi.fn<() => Promise<void>>();
const examined = vi.fn<HostReporter['examined']>();

beforeEach(async () => {
  db = await createTestDatabase();
  stop = new AbortController();
  running = undefined;
  vi.resetAllMocks();
});
afterEach(async () => {
  stop.abort();
  await running;
  await endProcesses();
  await db.drop();
});

/** A sentinel on real rows and processes; only what it tells the reaper is kept here. */
function start(options: Partial<SentinelOptions> = {}, policy: Partial<Policy> = {}): HostReporter {
  const pool = options.pool ?? db.probe;
  const reporter = new HostReporter({ pool, host: HOST });
  const keep = reporter.examined.bind(reporter);
  reporter.examined = (counts) => {
    examined(counts);
    keep(counts);
  };
  const sentinel = new Sentinel({
    pool,
    host: HOST,
    sharedPidNamespace: false,
    reporter,
    tell,
    log: new KeptLog(),
    metrics: { countLook: looks, countSeconds: () => undefined, countReport: reports },
    ...options,
  });
  running = publishPolicy(db.reaper, { ...DEFAULT_POLICY, intervalS: 1, ...policy }, 'test')
    .then(() => reporter.report())
    .then(() => sentinel.run(stop.signal));
  return reporter;
}

/** Waits for some looks that begin after this call. */
const looked = (count: number) => {
  const before = looks.mock.calls.length;
  return eventually(`${count} looks`, () => looks.mock.calls.length > before + count);
};
const told = (times: number) => eventually(`${times} reports`, () => tell.mock.calls.length >= times);
const lastCounts = () => examined.mock.lastCall?.[0];

it('says nothing while all live, and tells once of each that dies', async () => {
  const agents = [startProcess(), startProcess(), startProcess()];
  for (const [n, agent] of agents.entries()) await insertRunningJob(db.admin, { id: `j${n}`, ...agent });
  start();
  await eventually('a full look', () => lastCounts()?.seen === 3);
  expect(lastCounts()).toEqual({ seen: 3, dead: 0, unknown: 0 });
  await looked(2);
  expect(tell).not.toHaveBeenCalled();

  process.kill(agents[0]?.pid ?? 0, 'SIGSTOP');
  await Promise.all([agents[1]?.kill(), agents[2]?.kill()]);
  await told(1);
  await looked(5);
  await eventually('what died in the counts', () => lastCounts()?.dead === 2);
  // Both, in as many reports as there were looks that saw one of them first.
  const times = tell.mock.calls.length;
  expect(times).toBeLessThanOrEqual(2);
  await looked(5);
  expect(tell).toHaveBeenCalledTimes(times);
  expect(reports.mock.calls.flat()).toEqual(Array<string>(times).fill('sent'));
});

it('finds a process whose row is new, and a death before it was first seen', async () => {
  start();
  await looked(1);
  const agent = startProcess();
  await agent.kill();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  await told(1);
});

it('finds a death although its row still has the exit code of an earlier run', async () => {
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent, startedS: 100, exitCode: 0, exitedS: 200 });
  await insertRunningJob(db.admin, { id: 'ended', ...agent, startedS: 100, exitCode: 0, exitedS: 1 });
  start();
  await eventually('a full look', () => lastCounts()?.seen === 1);
  await agent.kill();
  await told(1);
});

it('calls no look a full one that was at rows of long ago', async () => {
  let readMs = 0;
  const pool: Queryable = {
    async query(text, values) {
      if (text.includes('examinable_run')) {
        readMs = performance.now();
        // So costly that the next read is in a quarter of a minute.
        await setTimeout(300);
      }
      return db.probe.query(text, values);
    },
  };
  const ages: number[] = [];
  examined.mockImplementation(() => void ages.push(performance.now() - readMs));
  await insertRunningJob(db.admin, { id: 'j1', ...startProcess() });
  start({ pool });
  await eventually('a full look', () => ages.length > 0);
  await looked(8);
  expect(Math.max(...ages)).toBeLessThan(2_500);
});

it('finds a reused pid', async () => {
  const agent = startProcess();
  const gone = agent.processIdentity.replace(/\d+$/, (start) => String(Number(start) - 500));
  await insertRunningJob(db.admin, { id: 'j1', pid: agent.pid, processIdentity: gone });
  start();
  await told(1);
  expect(lastCounts()).toEqual({ seen: 1, dead: 1, unknown: 0 });
});

it('finds a process that has exited and is not collected', async () => {
  // The shell never collects the child that it started before it became a sleep.
  const parent = spawn('sh', ['-c', 'sleep 3600 & echo $!; exec sleep 3600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(printed.toString());
    await insertRunningJob(db.admin, { id: 'j1', pid, processIdentity: processIdentity(pid) });
    start();
    await eventually('a full look', () => lastCounts()?.seen === 1);
    expect(tell).not.toHaveBeenCalled();
    process.kill(pid, 'SIGKILL');
    await told(1);
  } finally {
    parent.kill('SIGKILL');
  }
});

it('never reports runs that end by themselves, however many', async () => {
  // A busy machine may need longer than 250 ms from a process's end to its row.
  start({ confirmMs: 3_000 });
  await looked(1);
  for (let n = 0; n < 15; n += 1) {
    const agent = startProcess();
    await insertRunningJob(db.admin, { id: `j${n}`, ...agent });
    await setTimeout(200);
    await agent.kill();
    // Long enough that some looks find it dead.
    await setTimeout(200);
    await db.admin.query(
      n % 2 === 0
        ? `update jobs set status = 'done', finished_at = now() where id = $1`
        : `update agent_runs set exit_code = 1, finished_at = now() where id = (select run_id from jobs where id = $1)`,
      [`j${n}`],
    );
  }
  await looked(2);
  expect(tell).not.toHaveBeenCalled();
});

it('leaves held runs and other hosts alone, and calls dead only what is proven', async () => {
  const agent = startProcess();
  await agent.kill();
  await insertRunningJob(db.admin, { id: 'held', ...agent });
  await insertRunningJob(db.admin, { id: 'far', host: 'host-9', ...agent });
  await insertRunningJob(db.admin, { id: 'unstamped', pid: agent.pid });
  const elsewhere = agent.processIdentity.replace(/:(\d+):(\d+)$/, ':1:$2');
  await insertRunningJob(db.admin, { id: 'elsewhere', pid: agent.pid, processIdentity: elsewhere });
  await insertRunningJob(db.admin, { id: 'no-pid', pid: null });
  await db.reaper.query(`select reaper.put_hold('job', 'held', 'r', 'ada', 600)`);
  start();
  await eventually('a full look', () => lastCounts() !== undefined);
  await looked(3);
  expect(lastCounts()).toEqual({ seen: 3, dead: 0, unknown: 3 });
  expect(tell).not.toHaveBeenCalled();
});

it.each<[string, Partial<Policy>, (db: TestDatabase) => Promise<unknown>]>([
  ['paused', {}, ({ reaper }) => reaper.query(`select reaper.pause('ada', 'r')`)],
  ['disabled', { enabled: false }, () => Promise.resolve()],
])('reports nothing while %s', async (_, policy, block) => {
  await block(db);
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  start({}, policy);
  await looked(1);
  await agent.kill();
  await eventually('a report left to the sweeps', () => reports.mock.calls.length > 0);
  await looked(3);
  expect([tell.mock.calls.length, reports.mock.calls]).toEqual([0, [['left']]]);
});

it('reports nothing while this boot may be alive on another machine', async () => {
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  const reporter = start();
  const real = reporter.report.bind(reporter);
  reporter.report = async () => ({ ...(await real()), doubt: 'boot 1 is alive on two machines' });
  await looked(1);
  await agent.kill();
  await eventually('a report left to the sweeps', () => reports.mock.calls.length > 0);
  await looked(2);
  expect(tell).not.toHaveBeenCalled();
});

it('keeps to its budget', async () => {
  const agents = Array.from({ length: 12 }, () => startProcess());
  for (const [n, agent] of agents.entries()) await insertRunningJob(db.admin, { id: `j${n}`, ...agent });
  // Rows are read once an hour.
  start({ confirmMs: 0 }, { intervalS: 3 * 3_600 });
  await eventually('a full look', () => lastCounts()?.seen === 12);
  for (const [n, agent] of agents.entries()) {
    await agent.kill();
    await eventually(`report no. ${n + 1}`, () => reports.mock.calls.length > n);
  }
  expect(tell).toHaveBeenCalledTimes(10);
  expect(reports.mock.calls.flat()).toEqual([...Array<string>(10).fill('sent'), 'left', 'left']);
});

it('tells again what it could not tell', async () => {
  tell.mockRejectedValueOnce(new Error('no connection')).mockResolvedValue();
  const agent = startProcess();
  await agent.kill();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  start();
  await told(2);
  await looked(2);
  expect(reports.mock.calls.flat()).toEqual(['failed', 'sent']);
});

it('goes on after Postgres was away, and says meanwhile that it fails', async () => {
  let isAway = false;
  const pool: Queryable = {
    query: (text, values) =>
      isAway && text.includes('examinable_run')
        ? Promise.reject(new Error('Connection terminated'))
        : db.probe.query(text, values),
  };
  const agent = startProcess();
  await insertRunningJob(db.admin, { id: 'j1', ...agent });
  const reporter = start({ pool });
  await eventually('a full look', () => lastCounts()?.seen === 1);
  isAway = true;
  await agent.kill();
  await eventually('a failure on record', async () => {
    await reporter.report();
    const { rows } = await db.admin.query<{ failing: string | null }>('select failing from reaper.host_boot');
    return rows[0]?.failing === 'sentinel: Connection terminated';
  });
  expect(tell).not.toHaveBeenCalled();
  isAway = false;
  await told(1);
});

it.skipIf(!canNest)(`finds the death of a process in another pid namespace ${NEEDS}`, async () => {
  const [agent, other] = [await startNested(), await startNested()];
  const driver = createLinuxDriver();
  for (const [n, { pid, processIdentity }] of [agent, other].entries())
    await insertRunningJob(db.admin, { id: `j${n}`, pid, processIdentity });
  start({ driver });
  await eventually('both found', () => driver.isFamiliar(agent) && driver.isFamiliar(other));
  await eventually('a full look', () => lastCounts()?.unknown === 0);
  expect(lastCounts()).toEqual({ seen: 2, dead: 0, unknown: 0 });
  await looked(2);
  expect(tell).not.toHaveBeenCalled();
  await endContainer(agent);
  await told(1);
  expect(tell).toHaveBeenCalledTimes(1);
});

it.skipIf(!canNest)(
  `finds one there that was gone before it was first seen, and tells once ${NEEDS}`,
  async () => {
    const agent = await startNested();
    await endContainer(agent);
    await insertRunningJob(db.admin, { id: 'j1', pid: agent.pid, processIdentity: agent.processIdentity });
    start();
    await told(1);
    await looked(4);
    expect(tell).toHaveBeenCalledTimes(1);
    expect(lastCounts()).toEqual({ seen: 1, dead: 1, unknown: 0 });
  },
);

it.skipIf(process.platform !== 'linux')(
  'has the children of a dead process seen by all who judge it (needs Linux)',
  async () => {
    const parent = spawn('sh', ['-c', 'sleep 3600 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const [printed] = (await once(parent.stdout, 'data')) as [Buffer];
    const child = Number(printed.toString());
    let isOver = false;
    try {
      const pid = parent.pid ?? 0;
      const stamp = { pid, processIdentity: processIdentity(pid) };
      const driver = createLinuxDriver();
      await insertRunningJob(db.admin, { id: 'j1', ...stamp });
      start({ driver });
      await eventually('its children', () => driver.survivorsOf(stamp)?.kind === 'observed');
      parent.kill('SIGKILL');
      await told(1);
      const probes = createProbeActivities({
        ...{ pool: db.probe, host: HOST, names: new Names('test'), sharedPidNamespace: false, driver },
      });
      const liveness = await probes.probeRun(HOST, stamp);
      expect(liveness).toMatchObject({ state: 'defunct', proven: false });
      expect(liveness.evidence).toContain(`live on (${child})`);
      process.kill(child, 'SIGKILL');
      isOver = true;
      await eventually('its death', async () => (await probes.probeRun(HOST, stamp)).state === 'dead');
    } finally {
      parent.kill('SIGKILL');
      if (!isOver) process.kill(child, 'SIGKILL');
    }
  },
);
