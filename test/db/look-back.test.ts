import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { HostReporter } from '../../src/activities/host-reporter.js';
import { lookBack } from '../../src/activities/look-back.js';
import { operate } from '../../src/db/operate.js';
import { publishPolicy } from '../../src/db/policy.js';
import { readStatus } from '../../src/db/status.js';
import { DEFAULT_POLICY } from '../../src/domain/types.js';
import { processIdentity } from '../../src/liveness/index.js';
import { claimRun, countLedger } from '../support/claims.js';
import { canNest, endContainer, NEEDS, startNested } from '../liveness/nested.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { KeptLog } from '../support/quiet.js';
import { insertRunningJob, type RunningJob } from '../support/rows.js';

const HOST = 'h1';

let db: TestDatabase;
let agent: ChildProcess;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(async () => {
  await db.clean();
  agent = spawn('sleep', ['600'], { stdio: 'ignore' });
});
afterEach(() => {
  agent.kill('SIGKILL');
});

/** A run, and what its claim rests on. */
type Reaped = RunningJob & { tier?: 1 | 3; evidence?: Record<string, unknown> };

const DEAD = { liveness: { state: 'dead', evidence: 'pid 7 absent, as a broken probe said' } };
const UNSEEN = { liveness: { state: 'unknown', proven: false, evidence: 'the probe did not answer' } };

/** A run of the live agent, reaped by a verdict that is wrong on purpose. */
async function reapWrongly(job: Reaped = {}) {
  const { tier = 1, evidence = DEAD, ...row } = job;
  const process = { pid: agent.pid ?? 0, processIdentity: processIdentity(agent.pid ?? 0), ...row };
  const ref = await insertRunningJob(db.admin, { host: HOST, ...process });
  const { pid, processIdentity: stamp, exitCode = null } = process;
  const claimed = await claimRun(db.reaper, ref, {
    tier,
    evidence,
    run: { pid, processIdentity: stamp, exitCode },
  });
  expect(claimed.result).toBe('won');
  return ref;
}

const look = (host = HOST) =>
  lookBack({
    pool: db.probe,
    host,
    reporter: new HostReporter({ pool: db.probe, host }),
    log: new KeptLog(),
  });
const toLookAt = async () => (await db.probe.query('select * from reaper.look_back')).rowCount;

async function endAgent(): Promise<void> {
  agent.kill('SIGKILL');
  await once(agent, 'exit');
}

it('a stamped process that is alive stops all reaping, and an alert says what both looks saw', async () => {
  const { jobId } = await reapWrongly();
  await look();

  const status = await readStatus(db.reaper);
  expect(status).toMatchObject({
    mode: 'observe',
    survivors: 1,
    braked: { job_id: jobId, then: 'pid 7 absent, as a broken probe said' },
  });
  expect(status.braked?.now).toContain('as stamped');
  const { rows: messages } = await db.reaper.query<{ kind: string; text: string; owed: boolean }>(
    'select kind, text, owed from reaper.notification',
  );
  expect(messages).toMatchObject([{ kind: 'survivor', owed: true }]);
  expect(messages[0]?.text).toMatch(/pid 7 absent.*as stamped.*job-reaper activate/);
  const next = await insertRunningJob(db.admin, { host: HOST });
  expect(await claimRun(db.reaper, next)).toMatchObject({ result: 'blocked' });
});

it('continues once an operator says so, and is not stopped twice by one survivor', async () => {
  await reapWrongly();
  await look();
  await operate(db.reaper, { action: 'activate', by: 'ada' });
  await look();
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'active', braked: null, survivors: 1 });
  const { rows } = await db.reaper.query('select by, action from reaper.control_change order by id');
  expect(rows).toEqual([
    { by: 'the brake', action: 'mode' },
    { by: 'ada', action: 'mode' },
  ]);
});

it('a dry run that an operator chose stays, and is not blamed on the brake', async () => {
  await operate(db.reaper, { action: 'activate', by: 'ada' });
  await reapWrongly();
  await operate(db.reaper, { action: 'observe', by: 'ada' });
  await look();
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'observe', braked: null, survivors: 1 });
});

it('with REAPER_BRAKE=false there is an alert, and reaping continues', async () => {
  await publishPolicy(db.reaper, { ...DEFAULT_POLICY, brake: false }, 'test');
  await reapWrongly();
  await look();
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'active', braked: null, survivors: 1 });
  const { rows } = await db.reaper.query<{ text: string }>('select text from reaper.notification');
  expect(rows[0]?.text).toContain('REAPER_BRAKE=false');
});

it('an unknown run over its ceiling stops it too, if it is found alive afterwards', async () => {
  const { jobId } = await reapWrongly({
    tier: 3,
    evidence: { ...UNSEEN, policy: { backstopAlive: 'alert' } },
  });
  await look();
  expect(await readStatus(db.reaper)).toMatchObject({
    mode: 'observe',
    survivors: 1,
    braked: { job_id: jobId, then: 'the probe did not answer' },
  });
  const { rows } = await db.reaper.query<{ text: string }>('select text from reaper.notification');
  expect(rows[0]?.text).toMatch(
    /was reaped over its ceiling .* but its process is alive\. Then: the probe did not answer/,
  );
});

it('a run over its ceiling that is gone is checked once', async () => {
  await reapWrongly({ tier: 3, evidence: UNSEEN });
  await endAgent();
  await look();
  const { rows } = await db.probe.query('select * from reaper.look_back');
  expect([rows, (await readStatus(db.reaper)).survivors]).toEqual([[], 0]);
});

it.each<[string, Reaped]>([
  ['a pid that lives but has no stamp: it may be reused', { processIdentity: null }],
  ['a pid that was reused: another start', { processIdentity: 'reused' }],
  [
    'a run over its ceiling that was reaped though it was proven alive',
    { tier: 3, evidence: { liveness: { state: 'alive', proven: true, evidence: 'as stamped' } } },
  ],
  [
    'a run over its ceiling whose recorded exit code tells that the agent has ended: a worker of a pool lives on',
    { tier: 3, evidence: { ...UNSEEN, exitRecord: 'believed' }, exitCode: 0, exitedS: null },
  ],
  [
    'such a run that a worker of the version before has reaped',
    { tier: 3, evidence: UNSEEN, exitCode: 0, exitedS: null },
  ],
  [
    'a run over its ceiling that a proof of life would not have saved',
    { tier: 3, evidence: { ...UNSEEN, policy: { backstopAlive: 'reap' } } },
  ],
])('does not stop for %s', async (_, job) => {
  const stamp = processIdentity(agent.pid ?? 0) ?? '';
  const reused = stamp.replace(/\d+$/, (ticks) => String(Number(ticks) - 5000));
  await reapWrongly(job.processIdentity === 'reused' ? { ...job, processIdentity: reused } : job);
  await look();
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'active', survivors: 0 });
});

it("another host's probe does not judge it", async () => {
  await reapWrongly();
  await look('h2');
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'active', survivors: 0 });
  await db.probe.query('select reaper.note_look_back($1, $2, $3)', [
    'h2',
    [],
    JSON.stringify([{ ledgerId: 1, evidence: 'it lives' }]),
  ]);
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'active', survivors: 0 });
});

it('a process that is gone is checked once', async () => {
  await reapWrongly();
  await endAgent();
  await look();
  const { rows } = await db.probe.query('select * from reaper.look_back');
  expect(rows).toEqual([]);
  expect([await countLedger(db.admin), (await readStatus(db.reaper)).survivors]).toEqual([1, 0]);
});

it('an unknown one is checked again', async () => {
  const stamp = processIdentity(agent.pid ?? 0) ?? '';
  const elsewhere = stamp.replace(/:(\d+):(\d+)$/, ':1:$2');
  await reapWrongly({ processIdentity: elsewhere });
  await look();
  const { rows } = await db.probe.query('select * from reaper.look_back');
  expect(rows).toHaveLength(1);
});

it('a process that is gone is looked at again while its boot may be alive on another machine', async () => {
  await reapWrongly();
  await endAgent();
  await new HostReporter({ pool: db.probe, host: HOST }).report();
  await db.admin.query('update reaper.host_boot set twice_at = reaper.now()');
  await look();
  expect(await toLookAt()).toBe(1);
  await db.admin.query('update reaper.host_boot set twice_at = null');
  await look();
  expect(await toLookAt()).toBe(0);
});

it('a process that lives stops all reaping even while its boot may be alive on another machine', async () => {
  await reapWrongly();
  await new HostReporter({ pool: db.probe, host: HOST }).report();
  await db.admin.query('update reaper.host_boot set twice_at = reaper.now()');
  await look();
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'observe', survivors: 1 });
});

it('a run over its ceiling stops it too, if an exit code is recorded that is a previous run’s', async () => {
  await reapWrongly({
    tier: 3,
    evidence: { ...UNSEEN, exitRecord: 'older' },
    startedS: 9_000,
    exitCode: 0,
    exitedS: 9_500,
  });
  await look();
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'observe', survivors: 1 });
});

it.skipIf(!canNest)(`so does one in another pid namespace, seen from the first ${NEEDS}`, async () => {
  const { pid, processIdentity: stamp, ...nested } = await startNested();
  await reapWrongly({ pid, processIdentity: stamp });
  await look();
  expect(await readStatus(db.reaper)).toMatchObject({ mode: 'observe', survivors: 1 });
  await endContainer({ pid, processIdentity: stamp, ...nested });
});
