import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertRunningJob, type RunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import {
  cli,
  createPlace,
  deadProcess,
  kill,
  liveProcess,
  startCli,
  type Env,
  type Place,
  type RunningCli,
} from './support.js';

let place: Place;
let worker: RunningCli;

beforeAll(async () => {
  place = await createPlace();
  worker = startCli(['worker'], { ...place.env, REAPER_DEAD_TICKS: '1000' });
  await eventually('the first sweep', async () => {
    return (await place.db.admin.query('select from reaper.last_sweep')).rowCount === 1;
  });
});

afterAll(async () => {
  await kill(worker);
  await place.db.drop();
});

function insert(job: RunningJob) {
  return insertRunningJob(place.db.admin, { host: 'host-1', ...job });
}

async function explained(job: string, env: Env = place.env, exitCode = 0): Promise<string> {
  const { code, stdout, stderr } = await cli(['explain', job], env);
  expect(stderr).toBe('');
  expect(code).toBe(exitCode);
  return stdout;
}

test('an alive run, probed on its own host', async () => {
  const { pid, processIdentity } = liveProcess();
  await insert({ id: 'alive', pid, processIdentity });
  const stdout = await explained('alive');
  expect(stdout).toContain('Job alive is running and not reaped, because it is alive.');
  expect(stdout).toMatch(new RegExp(`alive, seen from here just now: pid ${pid} runs`));
});

test('a dead run, with the story of its watch', async () => {
  await insert({ id: 'dead', ...(await deadProcess()) });
  let stdout = '';
  // Its watch may be in the middle of an observation.
  await eventually('a watch that waits for its next observation', async () => {
    stdout = await explained('dead');
    return /waiting, next observation at .*; [1-9]\d* of 1000 dead observations counted/.test(stdout);
  });
  expect(stdout).toContain('not reaped yet, because one dead observation is not enough');
  expect(stdout).toMatch(/its watch has [1-9]/);
  expect(stdout).toContain('seen dead:');
});

test('a run of another host is not probed here', async () => {
  await insert({ id: 'far', host: 'host-2', ...(await deadProcess()) });
  await cli(['sweep'], place.env);
  const stdout = await explained('far');
  expect(stdout).toContain('can only be checked on host host-2: run job-reaper explain far there');
  expect(stdout).toContain('no probe on host host-2 answered the last sweep');
  expect(stdout).toContain('job-reaper host-gone host-2');
});

test('a run of another host, asked through the reaper', async () => {
  const { pid, processIdentity } = liveProcess();
  await insert({ id: 'there-alive', pid, processIdentity });
  await insert({ id: 'there-dead', ...(await deadProcess()) });
  const office = { ...place.env, REAPER_HOST: 'office' };
  const alive = await explained('there-alive', office);
  expect(alive).toContain('Job there-alive is running and not reaped, because it is alive.');
  expect(alive).toMatch(new RegExp(`alive, seen on host host-1 just now: pid ${pid} runs`));
  const dead = await explained('there-dead', office);
  expect(dead).toContain('not reaped yet, because one dead observation is not enough');
  expect(dead).toMatch(/dead, seen on host host-1 just now: pid \d+ absent/);
});

test('a run of another host, without Temporal to ask it', async () => {
  await insert({ id: 'there-offline', ...liveProcess() });
  const stdout = await explained('there-offline', { ...place.envWithoutTemporal, REAPER_HOST: 'office' });
  expect(stdout).toContain('can only be checked on host host-1: run job-reaper explain there-offline there');
});

test('a row that cannot be watched', async () => {
  await insert({ id: 'no-start', startedS: null, runId: null });
  expect(await explained('no-start')).toContain('because its run key is null: fix the row');
});

test('without Temporal, from Postgres alone', async () => {
  await insert({ id: 'offline', ...(await deadProcess()), exitCode: 0, exitedS: 12 });
  const stdout = await explained('offline', place.envWithoutTemporal);
  expect(stdout).toContain('Temporal does not answer, and without it nothing is reaped');
  expect(stdout).toMatch(/exit code 0 recorded \d+ s ago; the monitor has 300 s/);
  expect(stdout).toContain('from Postgres alone');
});

test('a hold and a pause', async () => {
  await cli(['hold', 'job', 'stuck', '--reason', 'a core dump', '--by', 'ada'], place.env);
  await cli(['pause', '--reason', 'maintenance', '--by', 'bob'], place.env);
  try {
    await insert({ id: 'stuck', ...(await deadProcess()) });
    const stdout = await explained('stuck');
    expect(stdout).toContain('not reaped yet, because it is paused by bob: maintenance');
    expect(stdout).toMatch(
      /held: job stuck by ada until .*: a core dump; or until job-reaper release job stuck/,
    );
  } finally {
    await cli(['resume'], place.env);
  }
});

test('a reaped job, and the next run of it', async () => {
  await insert({ id: 'again', ...(await deadProcess()) });
  expect((await cli(['reap', 'again'], place.env)).code).toBe(0);
  expect(await explained('again')).toMatch(
    /^Job again is not running: it was reaped at .* -> queued \(dead pid=/,
  );

  const { pid, processIdentity } = liveProcess();
  await place.db.admin.query(
    `update jobs set status = 'running', attempts = 2, host = 'host-1', pid = $1, process_identity = $2,
            started_at = reaper.now() where id = 'again'`,
    [pid, processIdentity],
  );
  const stdout = await explained('again');
  expect(stdout).toContain('Job again is running and not reaped, because it is alive.');
  expect(stdout).toMatch(/earlier runs\n {2}.* -> queued \(dead pid=/);
});

test('an unknown job', async () => {
  expect(await explained('nobody', place.env, 1)).toContain('Job nobody is unknown');
});

test('--json has the facts and the explanation', async () => {
  await insert({ id: 'json', ...liveProcess() });
  const { stdout, code } = await cli(['explain', 'json', '--json'], place.env);
  expect(JSON.parse(stdout)).toMatchObject({
    known: true,
    headline: expect.stringContaining('because it is alive') as string,
    verdict: { kind: 'healthy' },
    facts: {
      jobId: 'json',
      running: { run: { jobId: 'json' }, probe: { kind: 'here', liveness: { proven: true } }, block: null },
      ledger: [],
    },
  });
  expect(code).toBe(0);
  const unknown = await cli(['explain', 'nobody', '--json'], place.env);
  expect(JSON.parse(unknown.stdout)).toMatchObject({ known: false, verdict: null, facts: { running: null } });
  expect(unknown.code).toBe(1);
});
