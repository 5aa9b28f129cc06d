import { afterEach, beforeEach, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createHold, holdSettling } from '../support/hold.js';
import { countClaimed, insertManyRuns } from '../support/many-runs.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper | undefined;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper?.stop();
  reaper = undefined;
  await endProcesses();
  await db.drop();
});

const allOf = (count: number) =>
  eventually('the repair of all', async () => (await countClaimed(db.admin)).runs === count, 110_000);

it('repairs 500 runs that die at once, each exactly once, by a host watch', async () => {
  // A plan that was made for an empty ledger must not last.
  await db.admin.query('vacuum analyze');
  const processes = Array.from({ length: 20 }, startProcess);
  await insertManyRuns(db.admin, { count: 500, processes });
  reaper = await startReaper(db, { policy: { intervalS: 1, batchAbove: 25 } });
  expect(await reaper.sweepNow()).toMatchObject({ running: 500, symptoms: 0, hostWatches: 0 });
  await Promise.all(processes.map((process) => process.kill()));
  await allOf(500);
  expect(await countClaimed(db.admin)).toEqual({ claims: 500, runs: 500 });
  const { rows } = await db.admin.query<{ claims: number }>(
    `select count(*) as claims from reaper.ledger where workflow_id = $1`,
    [reaper.names.hostWatchId('host-1')],
  );
  expect(rows[0]?.claims).toBeGreaterThan(250);
});

it('takes the hosts of a rack that dies one by one, and no host for another', async () => {
  const hosts = Array.from({ length: 12 }, (_, n) => `rack-${n}`);
  const [dead, alive] = [startProcess(), startProcess()];
  await dead.kill();
  for (const host of hosts) {
    await insertManyRuns(db.admin, { prefix: `job-${host}`, count: 3, host, processes: [dead] });
    await insertManyRuns(db.admin, { prefix: `alive-${host}`, count: 2, host, processes: [alive] });
  }
  reaper = await startReaper(db, { hosts, policy: { intervalS: 1, batchAbove: 10 } });
  await allOf(36);
  expect(await countClaimed(db.admin)).toEqual({ claims: 36, runs: 36 });
  expect(await countClaimed(db.admin, 'alive')).toEqual({ claims: 0, runs: 0 });
  const { rows } = await db.admin.query(
    `select distinct workflow_id from reaper.ledger where workflow_id like '%/host/%'`,
  );
  expect(rows.length).toBeGreaterThan(1);
});

it('gives single watches to what a host watch leaves', async () => {
  // On a queue with stages, the gate of an exit 0 is asked by a single watch.
  await insertManyRuns(db.admin, { count: 40, exit: { code: 0, agoS: 60 } });
  reaper = await startReaper(db, { policy: { watchAllLimit: 0, batchAbove: 10 } });
  await allOf(40);
  expect(await countClaimed(db.admin)).toEqual({ claims: 40, runs: 40 });
  const { rows } = await db.admin.query<{ n: number }>(
    `select count(*) as n from reaper.ledger where workflow_id like '%/watch/%'`,
  );
  expect(rows[0]?.n).toBe(40);
});

it('starts no host watch for runs whose gates are to be asked while no place is free', async () => {
  await insertManyRuns(db.admin, { count: 12, exit: { code: 0, agoS: 60 } });
  const { pass, letGo } = createHold();
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, batchAbove: 3, maxWatches: 4 },
    jobs: () => ({
      judgeExitZero: async () => {
        await pass;
        return { kind: 'done', reason: 'exit0, already advanced', advance: null, gate: null };
      },
    }),
  });
  const { sweepNow } = reaper;
  await eventually('all places taken but that for the dead', async () => (await sweepNow()).watching === 3);
  for (let n = 0; n < 6; n += 1) {
    expect(await sweepNow()).toMatchObject({ hostWatches: 0, watching: 3, waiting: 9 });
  }
  // The dead beside them get their host watch.
  const dead = startProcess();
  await dead.kill();
  await insertManyRuns(db.admin, { prefix: 'job-dead', count: 8, processes: [dead] });
  await eventually('the repair of the dead', async () => (await countClaimed(db.admin)).runs === 8);
  letGo();
  await allOf(20);
  expect(await countClaimed(db.admin)).toEqual({ claims: 20, runs: 20 });
});

it('starts no second watch of a host by what a scan found before the first one ended', async () => {
  await insertManyRuns(db.admin, { count: 30, host: 'host-9' });
  await db.admin.query(`select reaper.declare_host_gone('host-9', 'op')`);
  const [claims, answer] = [holdSettling(), createHold()];
  let scans = 0;
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, batchAbove: 10 },
    jobs: (real) => ({
      ...claims.jobs(real),
      scan: async (...args) => {
        const found = await real.scan(...args);
        scans += 1;
        if (scans > 1 && found.running === 30) {
          claims.letGo();
          await answer.pass;
        }
        return found;
      },
    }),
  });
  const { sweepNow, handle } = reaper;
  const swept = sweepNow();
  await eventually('the end of the host watch known', async () => {
    const { events } = await handle.fetchHistory();
    return events?.some((event) => event.childWorkflowExecutionCompletedEventAttributes) === true;
  });
  answer.letGo();
  // It may be that of the first scan.
  for (const sweep of [await swept, await sweepNow()]) {
    if (sweep.number > 1) expect(sweep).toMatchObject({ hostWatches: 0, started: 0 });
  }
  expect(await countClaimed(db.admin)).toEqual({ claims: 30, runs: 30 });
});

it('knows the open host watches after it has continued as new, and gives way to none', async () => {
  await insertManyRuns(db.admin, { count: 30, host: 'host-9' });
  await db.admin.query(`select reaper.declare_host_gone('host-9', 'op')`);
  const { jobs, letGo } = holdSettling();
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, batchAbove: 10 },
    input: { continueAfterSweeps: 1 },
    jobs,
  });
  const { client, names, sweepNow } = reaper;
  await eventually('a host watch', async () => (await sweepNow()).hostsWatched?.count === 1);
  const { runId } = await client.workflow.getHandle(names.reaper).describe();
  for (let n = 0; n < 6; n += 1) {
    expect(await sweepNow()).toMatchObject({
      hostWatches: 0,
      watching: 0,
      hostsWatched: { count: 1, first: ['host-9'] },
    });
  }
  expect((await client.workflow.getHandle(names.reaper).describe()).runId).not.toBe(runId);
  letGo();
  await allOf(30);
  expect(await countClaimed(db.admin)).toEqual({ claims: 30, runs: 30 });
  await eventually('none left', async () => (await sweepNow()).hostsWatched?.count === 0);
  // Its host is free for another.
  await insertManyRuns(db.admin, { prefix: 'job-more', count: 30, host: 'host-9' });
  await allOf(60);
});

it('gives another host watch to a host whose last one ended unseen long ago, though no sweep sees everything', async () => {
  // As it was carried over: the watch was open then, and is not any more.
  const carried = {
    sweepWanted: true,
    operations: [],
    watches: [],
    hostsAfter: null,
    rowCursor: null,
    hostCursors: [],
    hostWatches: [['host-9', Date.now() - 3_600_000] as const],
    sweeps: 7,
    nextSweepMs: 0,
    policy: null,
    status: null,
    lastSweep: null,
  };
  await insertManyRuns(db.admin, { count: 30, host: 'host-9' });
  await db.admin.query(`select reaper.declare_host_gone('host-9', 'op')`);
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, batchAbove: 10 },
    input: { carried },
    jobs: (real) => ({
      scan: async (...args) => ({ ...(await real.scan(...args)), sawAllHosts: false }),
    }),
  });
  await allOf(30);
  const { rows } = await db.admin.query<{ n: number }>(
    `select count(*) as n from reaper.ledger where workflow_id = $1`,
    [reaper.names.hostWatchId('host-9')],
  );
  expect(rows[0]?.n).toBe(30);
  const { sweepNow } = reaper;
  await eventually('none left', async () => (await sweepNow()).hostsWatched?.count === 0);
});

it('gives way to no host watch that was carried over because a probe does not answer for a while', async () => {
  const dead = startProcess();
  await dead.kill();
  await insertManyRuns(db.admin, { count: 30, processes: [dead] });
  const { jobs, letGo } = holdSettling();
  let isSilent = false;
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, batchAbove: 10 },
    input: { continueAfterSweeps: 1 },
    jobs,
    probes: (real) => ({
      examineHost: (...args) =>
        isSilent ? Promise.reject(new Error('out of order')) : real.examineHost(...args),
    }),
  });
  const { sweepNow } = reaper;
  await eventually('a host watch', async () => (await sweepNow()).hostsWatched?.count === 1);
  isSilent = true;
  for (let n = 0; n < 3; n += 1) await sweepNow();
  isSilent = false;
  for (let n = 0; n < 4; n += 1) {
    expect(await sweepNow()).toMatchObject({ hostWatches: 0, watching: 0, hostsWatched: { count: 1 } });
  }
  letGo();
  await allOf(30);
  expect(await countClaimed(db.admin)).toEqual({ claims: 30, runs: 30 });
});

it('starts no host watch below the threshold, nor by a policy that names none', async () => {
  const dead = startProcess();
  await dead.kill();
  await insertManyRuns(db.admin, { count: 12, processes: [dead] });
  reaper = await startReaper(db, { policy: { watchAllLimit: 0, batchAbove: 12 } });
  await allOf(12);
  await db.admin.query(`update reaper.control set policy = policy - 'batchAbove'`);
  // A sweep that had read the policy before would start one.
  await reaper.sweepNow();
  await insertManyRuns(db.admin, { prefix: 'job-more', count: 30, processes: [dead] });
  await allOf(42);
  const { rows } = await db.admin.query(`select from reaper.ledger where workflow_id like '%/host/%'`);
  expect(rows).toHaveLength(0);
});
