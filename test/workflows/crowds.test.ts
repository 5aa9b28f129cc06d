import { afterEach, beforeEach, expect, it } from 'vitest';
import { createJobActivities } from '../../src/activities/jobs.js';
import { publishPolicy } from '../../src/db/policy.js';
import { reportHost } from '../../src/db/report-host.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { ProcessMetrics } from '../../src/metrics/process-metrics.js';
import { Names } from '../../src/naming.js';
import { HOST_REPORT } from '../support/boots.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createHold } from '../support/hold.js';
import { countClaimed, insertManyRuns } from '../support/many-runs.js';
import { endProcesses, startProcess } from '../support/process.js';
import { KeptLog } from '../support/quiet.js';
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

it('counts the runs with a symptom also on hosts whose probes are well, which are not to be examined', async () => {
  const hosts = Array.from({ length: 20 }, (_, n) => `host-${n}`);
  for (const [n, host] of hosts.entries()) {
    await insertManyRuns(db.admin, {
      prefix: `job-${host}`,
      count: 15,
      host,
      startedS: 1_000,
      exit: { code: 1, agoS: 600 },
    });
    const boot = `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;
    const examined = { seen: 0, dead: 0, unknown: 0, byItself: true };
    await reportHost(db.probe, { ...HOST_REPORT, machineId: host, host, boot, examined });
  }
  await publishPolicy(db.reaper, { ...DEFAULT_POLICY, watchAllLimit: 0 }, 'test');
  const pool = db.reaper;
  const [names, log, metrics] = [new Names('test'), new KeptLog(), new ProcessMetrics()];
  const jobs = createJobActivities({ pool, batches: pool, names, log, metrics });
  const { crowds, ...found } = await jobs.scan(null, null, { inParts: true, byReport: true });
  expect(found).toMatchObject({ healthyHosts: 10, failed: [] });
  expect(new Map(crowds)).toEqual(new Map(hosts.map((host) => [host, 15])));
});

it('counts no run of a host whose gate is to be asked, and names those that are', async () => {
  await insertManyRuns(db.admin, { prefix: 'good', count: 150, exit: { code: 0, agoS: 60 } });
  await insertManyRuns(db.admin, { prefix: 'bad', count: 150, exit: { code: 1, agoS: 60 } });
  await publishPolicy(db.reaper, { ...DEFAULT_POLICY, watchAllLimit: 0, finalizeGraceS: 2 }, 'test');
  const pool = db.reaper;
  const [names, log, metrics] = [new Names('test'), new KeptLog(), new ProcessMetrics()];
  const jobs = createJobActivities({ pool, batches: pool, names, log, metrics });
  const { crowds, symptoms } = await jobs.scan(null, null, { inParts: true, gates: true });
  expect(crowds).toEqual([['host-1', 150]]);
  const wrong = symptoms.items.filter(
    ({ jobId, needsGate }) => jobId.startsWith('good') !== (needsGate === true),
  );
  expect({ seen: symptoms.items.length, wrong }).toEqual({ seen: 250, wrong: [] });
  // A workflow of an older version may have started a host watch for them: a newer one that was told more would not replay that.
  const older = await jobs.scan(null, null, { inParts: true });
  expect(older.symptoms.items.filter((item) => 'needsGate' in item)).toEqual([]);
});

it('starts no watch of a host whose runs all have watches of their own', async () => {
  await insertManyRuns(db.admin, { count: 8, exit: { code: 3, agoS: 60 } });
  const { pass, letGo } = createHold();
  let areCounted = false;
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, batchAbove: 20 },
    jobs: (real) => ({
      scan: async (...args) => ({
        ...(await real.scan(...args)),
        ...(areCounted && { crowds: [['host-1', 8]] }),
      }),
      claim: async (...args) => {
        await pass;
        return real.claim(...args);
      },
    }),
  });
  const { openWatches, sweepNow } = reaper;
  await eventually('a watch of each run', async () => {
    const watches = (await openWatches()).filter((id) => id.includes('/watch/'));
    return watches.length === 8;
  });
  await db.admin.query(`update reaper.control set policy = policy || '{"batchAbove": 4}'`);
  areCounted = true;
  // A sweep that had begun before does not count.
  await sweepNow();
  for (let n = 0; n < 6; n += 1) expect(await sweepNow()).toMatchObject({ hostWatches: 0, watching: 8 });
  letGo();
});

it('counts no watch that waits for its gate against the runs that a host watch could repair', async () => {
  await insertManyRuns(db.admin, { prefix: 'good', count: 8, exit: { code: 0, agoS: 60 } });
  const { pass, letGo } = createHold();
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0, batchAbove: 4 },
    jobs: (real) => ({
      // The page has no room for them.
      scan: async (...args) => {
        const { symptoms, ...found } = await real.scan(...args);
        const items = symptoms.items.filter(({ jobId }) => jobId.startsWith('good'));
        const others = symptoms.items.length - items.length;
        return { ...found, symptoms: { ...symptoms, items }, crowds: others > 1 ? [['host-1', others]] : [] };
      },
      judgeExitZero: async () => {
        await pass;
        return { kind: 'done', reason: 'exit0, already advanced', advance: null, gate: null };
      },
    }),
  });
  const { sweepNow } = reaper;
  await eventually('a watch of each', async () => (await sweepNow()).watching === 8);
  await insertManyRuns(db.admin, { prefix: 'code', count: 6, exit: { code: 3, agoS: 60 } });
  await eventually('the repair', async () => (await countClaimed(db.admin, 'code')).runs === 6);
  letGo();
  await eventually('the others', async () => (await countClaimed(db.admin, 'good')).runs === 8);
});

it('repairs the runs of a host whose watch is there, but gets nowhere', async () => {
  const dead = startProcess();
  await dead.kill();
  reaper = await startReaper(db, { policy: { watchAllLimit: 0, batchAbove: 5 } });
  await reaper.client.workflow.start('watchHost', {
    workflowId: reaper.names.hostWatchId('host-1'),
    taskQueue: `${reaper.names.reaper}/nobody-polls-it`,
    args: [{ host: 'host-1' }],
  });
  await insertManyRuns(db.admin, { count: 20, processes: [dead] });
  await eventually('the repair of all', async () => (await countClaimed(db.admin)).runs === 20);
  expect(await countClaimed(db.admin)).toEqual({ claims: 20, runs: 20 });
});
