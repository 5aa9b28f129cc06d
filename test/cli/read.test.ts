import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertRunningJob } from '../support/rows.js';
import { cli, createPlace, kill, startCli, type Place, type RunningCli } from './support.js';
import { eventually } from '../support/wait.js';

let place: Place;
let worker: RunningCli;

/** One reaped job, one would-be reap, one row that cannot be watched, one hold. */
beforeAll(async () => {
  place = await createPlace();
  const { admin } = place.db;
  await insertRunningJob(admin, { id: 'failed-agent', exitCode: 3, exitedS: 400 });
  worker = startCli(['worker'], place.env);
  await eventually('a claim', async () => (await admin.query('select 1 from reaper.ledger')).rowCount === 1);
  await admin.query(`select reaper.set_mode('observe', 'test')`);
  await insertRunningJob(admin, { id: 'would-be', agent: 'writer', exitCode: 4, exitedS: 400 });
  await insertRunningJob(admin, { id: 'no-start', host: null, startedS: null, runId: null });
  await admin.query(`select reaper.put_hold('agent', 'tester', 'being repaired', 'ada', 600)`);
  await eventually('a would-be reap and a sweep that saw all', async () => {
    const { rows } = await admin.query<{ seen: boolean }>(
      `select jsonb_array_length(s.summary -> 'unwatchable') = 1
              and exists (select from reaper.observation) as seen from reaper.last_sweep s`,
    );
    return rows[0]?.seen;
  });
});

afterAll(async () => {
  await kill(worker);
  await place.db.drop();
});

async function run(args: string[], env = place.env): Promise<string> {
  const { code, stdout, stderr } = await cli(args, env);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return stdout;
}

test('status shows mode, last sweep, totals, what cannot be watched and holds', async () => {
  const stdout = await run(['status']);
  expect(stdout).toMatch(/reaper .* observing: a dry run/);
  expect(stdout).toMatch(/last sweep .* ago, no\. \d+: \d+ with a symptom/);
  expect(stdout).toMatch(/running jobs +│ 2 /);
  expect(stdout).toMatch(/reaped so far .* 1, the last: job failed-agent \(developer\) -> queued/);
  expect(stdout).toMatch(/no-start .* its run key is null/);
  expect(stdout).toMatch(/unknown runs without a host .* 1: .*job-reaper doctor shows why/);
  expect(stdout).toMatch(/agent .* tester .* ada .* being repaired/);
  expect(stdout).not.toContain('Postgres alone');
});

test('status --json has the names of the view', async () => {
  const status = JSON.parse(await run(['status', '--json'])) as Record<string, unknown>;
  const { rows } = await place.db.admin.query<Record<string, unknown>>('select * from reaper.status');
  for (const name of Object.keys(rows[0] ?? {})) expect(status).toHaveProperty(name);
  expect(status).toMatchObject({
    mode: 'observe',
    adapter: 'reference',
    reaped_total: 1,
    running: 2,
    unwatchable: [{ jobId: 'no-start', why: 'its run key is null' }],
    unknown_runs: { '': 1 },
    holds: [{ kind: 'agent', value: 'tester', by: 'ada' }],
    last_sweep: { error: null, hostsAnswered: ['host-1'] },
    temporal_error: null,
  });
});

test('status without Temporal is from Postgres alone, and says so', async () => {
  const stdout = await run(['status'], place.envWithoutTemporal);
  expect(stdout).toMatch(/last sweep .* no\. \d+: \d+ with a symptom/);
  expect(stdout).toContain('this is from Postgres alone');
  const json = await run(['status', '--json'], place.envWithoutTemporal);
  expect(JSON.parse(json)).toMatchObject({
    reaped_total: 1,
    last_sweep: { running: 2 },
    temporal_error: expect.stringContaining('Expected Temporal to answer') as string,
  });
});

test('ledger lists claims', async () => {
  expect(await run(['ledger'])).toMatch(/failed-agent .* developer .* queued .* 2 .* exit=3/);
  expect(await run(['ledger', '--job', 'nobody'])).toContain('Job nobody was never reaped');
});

test('ledger --json has the evidence', async () => {
  const entries = JSON.parse(await run(['ledger', '--job', 'failed-agent', '--json'])) as unknown;
  expect(entries).toMatchObject([
    { jobId: 'failed-agent', outcome: 'queued', tier: 2, reason: 'exit=3', evidence: { exitCode: 3 } },
  ]);
  expect(JSON.parse(await run(['ledger', '--job', 'nobody', '--json']))).toEqual([]);
});

test('report sums the dry run up', async () => {
  const stdout = await run(['report', '--since', '1h']);
  expect(stdout).toMatch(/writer .* 2 .* queued .* 1 .* exit=4/);
  expect(stdout).toContain('would have reaped 1 run. Ended by themselves: 0.');
  expect(JSON.parse(await run(['report', '--json']))).toMatchObject([
    { agent: 'writer', outcome: 'queued', tier: 2, runs: 1, stillRunning: 1, lastReason: 'exit=4' },
  ]);
});

test('report says so if there were no would-be reaps', async () => {
  await place.db.admin.query(`update reaper.observation set observed_at = observed_at - interval '2 days'`);
  expect(await run(['report'])).toContain('would have reaped nothing');
  expect(JSON.parse(await run(['report', '--json']))).toEqual([]);
});

test('status says what the crash budget did, once it has done something', async () => {
  expect(await run(['status'])).not.toContain('over the crash budget');
  await place.db.admin.query(
    `insert into reaper.ledger (job_id, run_key, outcome, tier, reason, evidence, claimer, workflow_id, cause)
     select 'crasher', n::text, o.outcome, 1, 'r',
            jsonb_build_object('crashBudget', jsonb_build_object('outcome', o.outcome, 'deaths', 2 + n, 'max', 2)), 'c', 'w', 'process'
       from unnest(array['queued', 'queued', 'failed']) with ordinality o(outcome, n)`,
  );
  expect(await run(['status'])).toMatch(
    /over the crash budget .* 1 failed, 2 requeued, the last: job crasher \(5 deaths\) -> failed at /,
  );
});
