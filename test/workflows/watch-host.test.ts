import { ApplicationFailure } from '@temporalio/activity';
import type { temporal } from '@temporalio/proto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readHostWave } from '../../src/db/host-pages.js';
import { listLedger } from '../../src/db/ledger.js';
import { askHostWatch } from '../../src/explain/ask-watch.js';
import type { ExplainContext } from '../../src/explain/context.js';
import { explain } from '../../src/explain/explain.js';
import { gatherFacts } from '../../src/explain/gather.js';
import type { watchHost } from '../../src/workflows/index.js';
import type { HostWatchInput } from '../../src/workflows/host-watch-state.js';
import { hostWatchQuery } from '../../src/workflows/messages.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { createHold } from '../support/hold.js';
import { OpenTransaction } from '../support/locks.js';
import { countClaimed, insertManyRuns } from '../support/many-runs.js';
import { aMinuteLater } from '../support/old-looks.js';
import { endProcesses, startProcess } from '../support/process.js';
import { startReaper, type TestReaper, type TestReaperOptions } from '../support/reaper.js';
import { readJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';

let db: TestDatabase;
let reaper: TestReaper;

beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await reaper.stop();
  await endProcesses();
  await db.drop();
});

/** Its sweeps see nothing, so that only host watches act. */
async function startBlindReaper(options: TestReaperOptions = {}): Promise<void> {
  reaper = await startReaper(db, {
    ...options,
    jobs: (real) => ({
      scan: async (...args) => ({
        ...(await real.scan(...args)),
        runs: null,
        watchAll: false,
        hosts: [],
        symptoms: { items: [], next: null },
      }),
      ...options.jobs?.(real),
    }),
  });
}

const start = (host: string | null = 'host-1', input: Partial<HostWatchInput> = {}, id = '') =>
  reaper.client.workflow.start<typeof watchHost>('watchHost', {
    workflowId: `${reaper.names.hostWatchId(host)}${id}`,
    taskQueue: reaper.names.workflowQueue,
    args: [{ host, ...input }],
  });

const finish = async (...args: Parameters<typeof start>) => (await start(...args)).result();

async function deadProcesses(count: number) {
  const processes = Array.from({ length: count }, startProcess);
  await Promise.all(processes.map((process) => process.kill()));
  return processes;
}

it('repairs all runs of dead processes exactly once, and no other', async () => {
  const alive = startProcess();
  await insertManyRuns(db.admin, { count: 300, processes: await deadProcesses(7) });
  await insertManyRuns(db.admin, { prefix: 'alive', count: 20, processes: [alive] });
  await insertManyRuns(db.admin, { prefix: 'far', count: 5, host: 'host-2', processes: [alive] });
  await startBlindReaper();
  const result = await finish('host-1', { pageSize: 100 });
  expect(result).toMatchObject({ seen: 320, proven: 300, claimed: 300, lost: 0, left: 0, stopped: null });
  expect(await countClaimed(db.admin)).toEqual({ claims: 300, runs: 300 });
  expect(await countClaimed(db.admin, 'alive')).toEqual({ claims: 0, runs: 0 });
  expect(await readJob(db.admin, 'job-17')).toMatchObject({ status: 'queued', pid: null });
  expect(await reaper.counted('job_reaper_claims_total', { result: 'won' })).toBe(300);
  expect(reaper.log.lines.filter((line) => line.includes('reaped ->'))).toHaveLength(300);
});

it('has the evidence that a single watch has', async () => {
  const [dead, reused] = [startProcess(), startProcess()];
  await dead.kill();
  // Its pid is in use by a younger process, as far as the stamp tells.
  const odd = { ...reused, processIdentity: reused.processIdentity.replace(/\d+$/, '1') };
  let isBlind = true;
  reaper = await startReaper(db, {
    policy: { watchAllLimit: 0 },
    jobs: (real) => ({
      scan: async (...args) => {
        const found = await real.scan(...args);
        return isBlind ? { ...found, hosts: [], symptoms: { items: [], next: null } } : found;
      },
    }),
  });
  const evidence = async (prefix: string) => {
    await insertManyRuns(db.admin, { prefix: `${prefix}-dead`, count: 3, processes: [dead] });
    await insertManyRuns(db.admin, { prefix: `${prefix}-odd`, count: 3, processes: [odd] });
    await insertManyRuns(db.admin, {
      prefix: `${prefix}-left`,
      count: 3,
      exit: { code: 7, agoS: 50 },
      processes: [dead],
    });
    if (prefix === 'many') await finish();
    else isBlind = false;
    await eventually('all nine', async () => (await countClaimed(db.admin, prefix)).claims === 9);
    const entries = (await listLedger(db.admin, { limit: 99 })).filter(({ jobId }) =>
      jobId.startsWith(prefix),
    );
    return entries
      .map(({ evidence: facts, reason, outcome, tier, error }) => ({
        reason,
        outcome,
        tier,
        error: error?.replace(prefix, ''),
        ...facts,
        // They differ by what the clock shows.
        deadForS: typeof facts['deadForS'],
        ageS: typeof facts['ageS'],
        exitAgeS: typeof facts['exitAgeS'],
      }))
      .sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));
  };
  const many = await evidence('many');
  expect(many[0]).toMatchObject({ liveness: { state: expect.any(String) as string } });
  expect(await evidence('single')).toEqual(many);
  expect(JSON.stringify(many)).toContain(`pid ${dead.pid} absent in pid namespace`);
  expect(JSON.stringify(many)).toContain(`pid ${reused.pid} reused`);
});

it('repairs all runs of a host that was declared gone', async () => {
  await insertManyRuns(db.admin, { count: 60, host: 'host-9', processes: [startProcess()] });
  await startBlindReaper();
  await db.admin.query(`select reaper.declare_host_gone('host-9', 'op')`);
  expect(await finish('host-9', { pageSize: 20 })).toMatchObject({ claimed: 60, left: 0 });
  const [entry] = await listLedger(db.admin, { limit: 1 });
  expect(entry?.evidence).toMatchObject({
    liveness: { state: 'dead', proven: false, evidence: 'host declared gone by op' },
    streak: 2,
  });
});

it('believes a probe more than a declaration about its host, and then gives it its full time', async () => {
  await insertManyRuns(db.admin, { count: 10, processes: [startProcess()] });
  await startBlindReaper();
  await db.admin.query(`insert into reaper.gone_host (host, by) values ('host-1', 'op')`);
  const isGone = async () =>
    (await readHostWave(db.reaper, 'host-1', null, { pageSize: 10, pages: 1 })).isGone;
  expect(await isGone()).toBe(true);
  expect(await finish()).toMatchObject({ seen: 10, claimed: 0, left: 0 });
  expect(await isGone()).toBe(false);
});

it('repairs all runs of a boot that was declared gone, which their probe cannot see', async () => {
  const boot = '11111111-2222-3333-4444-555555555555';
  const processIdentity = `linux::${boot}:4026531836:77`;
  await insertManyRuns(db.admin, { count: 30, processes: [{ pid: 77, processIdentity }] });
  await insertManyRuns(db.admin, { prefix: 'alive', count: 5, processes: [startProcess()] });
  await startBlindReaper();
  await db.admin.query(`select reaper.declare_boot_gone($1, 'op')`, [boot]);
  expect(await finish()).toMatchObject({ seen: 35, claimed: 30, left: 0 });
  const [entry] = await listLedger(db.admin, { limit: 1 });
  expect(JSON.stringify(entry?.evidence)).toContain('op');
});

it('claims nothing by a declaration about a boot that is withdrawn after the last look', async () => {
  const boot = '11111111-2222-3333-4444-555555555555';
  const processIdentity = `linux::${boot}:4026531836:77`;
  await insertManyRuns(db.admin, { count: 30, processes: [{ pid: 77, processIdentity }] });
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        await db.admin.query('delete from reaper.gone_boot');
        return real.settlePage(page);
      },
    }),
  });
  await db.admin.query(`select reaper.declare_boot_gone($1, 'op')`, [boot]);
  expect(await finish()).toMatchObject({ proven: 30, claimed: 0, left: 30 });
  expect(await countClaimed(db.admin)).toEqual({ claims: 0, runs: 0 });
});

it('leaves runs over their ceiling to single watches if the probe cannot look at many, as one of an older version', async () => {
  await insertManyRuns(db.admin, { count: 10, startedS: 8_000, processes: [startProcess()] });
  await insertManyRuns(db.admin, { prefix: 'code', count: 3, exit: { code: 4, agoS: 60 } });
  await startBlindReaper({
    probes: () => ({
      lookAtHost: () => {
        throw ApplicationFailure.nonRetryable('lookAtHost is not registered', 'NotFoundError');
      },
    }),
  });
  expect(await finish()).toMatchObject({ seen: 13, claimed: 3, left: 10 });
  expect(await countClaimed(db.admin)).toEqual({ claims: 0, runs: 0 });
});

it('repairs runs over their ceiling that name no host', async () => {
  await insertManyRuns(db.admin, { count: 60, host: null, startedS: 8_000 });
  await insertManyRuns(db.admin, { prefix: 'young', count: 5, host: null });
  await startBlindReaper();
  expect(await finish(null)).toMatchObject({ seen: 65, claimed: 60, left: 0 });
  const [entry] = await listLedger(db.admin, { limit: 1 });
  expect(entry).toMatchObject({ tier: 3, workflowId: `${reaper.names.reaper}/no-host` });
});

it('repairs runs whose exit code was recorded, but leaves an exit 0 to a single watch, which asks its gate', async () => {
  await insertManyRuns(db.admin, { count: 40, exit: { code: 3, agoS: 60 } });
  await insertManyRuns(db.admin, { prefix: 'good', count: 4, exit: { code: 0, agoS: 60 } });
  await insertManyRuns(db.admin, { prefix: 'fresh', count: 2, exit: { code: 3, agoS: 0 } });
  await startBlindReaper({ policy: { finalizeGraceS: 50 } });
  const result = await finish();
  expect(result).toMatchObject({ claimed: 40, left: 6 });
  expect(await countClaimed(db.admin)).toEqual({ claims: 40, runs: 40 });
  expect((await listLedger(db.admin, { limit: 1 }))[0]).toMatchObject({ tier: 2, reason: 'exit=3' });
  const state = await reaper.client.workflow
    .getHandle(reaper.names.hostWatchId('host-1'))
    .query(hostWatchQuery);
  expect(state).toMatchObject({ phase: 'over', counts: { claimed: 40 } });
  expect(state.why.join()).toContain('its gate is to be asked');
});

it('alerts about runs proven alive over their ceiling, each once', async () => {
  await insertManyRuns(db.admin, { count: 60, startedS: 8_000, processes: [startProcess()] });
  await startBlindReaper();
  expect(await finish()).toMatchObject({ alerted: 60, claimed: 0, left: 0 });
  expect(await finish()).toMatchObject({ alerted: 0, claimed: 0, left: 0 });
  const { rows } = await db.admin.query(
    `select distinct job_id from reaper.notification where kind = 'backstop alive'`,
  );
  expect(rows).toHaveLength(60);
});

it('leaves alone what it is not to judge: the young, the defunct, the held', async () => {
  const [dead] = await deadProcesses(1);
  await insertManyRuns(db.admin, { count: 3, processes: dead ? [dead] : [] });
  await insertManyRuns(db.admin, { prefix: 'young', count: 3, startedS: 0, processes: dead ? [dead] : [] });
  await insertManyRuns(db.admin, { prefix: 'ageless', count: 3, processes: dead ? [dead] : [] });
  await db.admin.query(`update jobs set started_at = null where id like 'ageless-%'`);
  await insertManyRuns(db.admin, { prefix: 'held', count: 3, processes: dead ? [dead] : [] });
  await startBlindReaper({ policy: { intervalS: 30, confirmS: 0.3 } });
  for (const n of [1, 2, 3])
    await db.admin.query(`select reaper.put_hold('job', $1, 'r', 'op', 60)`, [`held-${n}`]);
  expect(await finish()).toMatchObject({ seen: 9, claimed: 3, left: 6 });
  expect((await listLedger(db.admin)).map(({ jobId }) => jobId).sort()).toEqual(['job-1', 'job-2', 'job-3']);
});

it('records in the dry run, and claims nothing', async () => {
  await insertManyRuns(db.admin, { count: 40, processes: await deadProcesses(2) });
  await startBlindReaper();
  await db.admin.query(`select reaper.set_mode('observe', 'op')`);
  expect(await finish()).toMatchObject({ recorded: 40, claimed: 0 });
  expect((await db.admin.query('select from reaper.observation')).rowCount).toBe(40);
  // They are known now.
  expect(await finish()).toMatchObject({ seen: 0 });
});

it('continues as new between waves, with its place and its counts', async () => {
  await insertManyRuns(db.admin, { count: 120, processes: await deadProcesses(3) });
  await startBlindReaper();
  const handle = await start('host-1', { pageSize: 20, pages: 2, continueAfterWaves: 1 });
  expect(await handle.result()).toMatchObject({ seen: 120, claimed: 120, left: 0 });
  const { runId } = await reaper.client.workflow.getHandle(handle.workflowId).describe();
  expect(runId).not.toBe(handle.firstExecutionRunId);
  const entries = await listLedger(db.admin, { limit: 200 });
  expect(new Set(entries.map(({ claimer }) => claimer))).toEqual(new Set([handle.firstExecutionRunId]));
});

it('lets two of one host, and one beside single watches, claim each run once', async () => {
  const processes = await deadProcesses(4);
  await insertManyRuns(db.admin, { count: 150, processes });
  reaper = await startReaper(db, { policy: { watchAllLimit: 0, maxWatches: 20 } });
  const two = await Promise.all([start('host-1', { pageSize: 25 }), start('host-1', { pageSize: 40 }, '-2')]);
  await Promise.all(two.map((handle) => handle.result()));
  await eventually('all of them', async () => (await countClaimed(db.admin)).runs === 150);
  expect(await countClaimed(db.admin)).toEqual({ claims: 150, runs: 150 });
});

it('does not claim a next run of a job that still shows the dead process', async () => {
  await insertManyRuns(db.admin, { count: 10, processes: await deadProcesses(1) });
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        await db.admin.query(`update jobs set attempts = 2, started_at = reaper.now() where id = 'job-4'`);
        return real.settlePage(page);
      },
    }),
  });
  expect(await finish()).toMatchObject({ claimed: 9, lost: 1 });
  expect(await readJob(db.admin, 'job-4')).toMatchObject({ status: 'running', attempts: 2 });
});

it('does not claim what was stamped anew, recorded its exit, ended or was started again between the looks', async () => {
  await insertManyRuns(db.admin, { count: 12, processes: await deadProcesses(1) });
  const alive = startProcess();
  await startBlindReaper({
    probes: (real) => ({
      lookAtHost: async (host, target, limits) => {
        if (target.named !== null) {
          await db.admin.query(`update jobs set pid = $1, process_identity = $2 where id = 'job-1'`, [
            alive.pid,
            alive.processIdentity,
          ]);
          await db.admin.query(
            `update agent_runs set exit_code = 0, finished_at = reaper.now() where id = 'job-2'`,
          );
          await db.admin.query(`update jobs set status = 'done' where id = 'job-3'`);
          await db.admin.query(`update jobs set attempts = 2, started_at = reaper.now() where id = 'job-4'`);
        }
        return real.lookAtHost(host, target, limits);
      },
    }),
  });
  expect(await finish()).toMatchObject({ seen: 12, proven: 8, claimed: 8 });
  expect(await countClaimed(db.admin)).toEqual({ claims: 8, runs: 8 });
  for (const id of ['job-1', 'job-2', 'job-4'])
    expect(await readJob(db.admin, id)).toMatchObject({ status: 'running' });
});

it.each([1, 5])('needs %s dead looks if the policy says so', async (deadTicks) => {
  await insertManyRuns(db.admin, { count: 30, processes: await deadProcesses(2) });
  let looks = 0;
  await startBlindReaper({
    policy: { deadTicks },
    probes: (real) => ({
      lookAtHost: (...args) => {
        looks += 1;
        return real.lookAtHost(...args);
      },
    }),
  });
  expect(await finish()).toMatchObject({ claimed: 30, left: 0 });
  expect(looks).toBe(deadTicks);
  expect((await listLedger(db.admin, { limit: 1 }))[0]?.evidence).toMatchObject({ streak: deadTicks });
});

it('ends nothing of a host whose probe answers after the last look that it was declared gone', async () => {
  await insertManyRuns(db.admin, { count: 20, host: 'host-9', processes: [startProcess()] });
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        await db.admin
          .query(`insert into reaper.host_probe (host, answered_at) values ('host-9', reaper.now())
          on conflict (host) do update set answered_at = reaper.now()`);
        return real.settlePage(page);
      },
    }),
  });
  await db.admin.query(`select reaper.declare_host_gone('host-9', 'op')`);
  expect(await finish('host-9')).toMatchObject({ proven: 20, claimed: 0, left: 20 });
});

it('ends runs that exited with 0 on a queue without stages, and the dead of its bare table', async () => {
  await db.drop();
  db = await createTestDatabase('minimal');
  const [dead] = await deadProcesses(1);
  await db.admin.query(
    `insert into jobs (kind, status, attempts, run, host, pid, process_identity, started_at, exit_code, exited_at)
     select 'k', 'running', 1, gen_random_uuid(), 'host-1', $1, $2, now() - interval '100 s',
            case when n <= 15 then 0 end, case when n <= 15 then now() - interval '60 s' end
       from generate_series(1, 40) n`,
    [dead?.pid, dead?.processIdentity],
  );
  await startBlindReaper();
  await db.admin.query(`select reaper.set_mode('active', 'op')`);
  expect(await finish()).toMatchObject({ seen: 40, claimed: 40, left: 0 });
  const { rows } = await db.admin.query('select status, count(*)::int as n from jobs group by 1 order by 1');
  expect(rows).toEqual([
    { status: 'done', n: 15 },
    { status: 'queued', n: 25 },
  ]);
});

it('claims nothing more once paused, and ends', async () => {
  await insertManyRuns(db.admin, { count: 60, processes: await deadProcesses(1) });
  let pages = 0;
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        pages += 1;
        if (pages === 2) await db.admin.query(`select reaper.pause('deploy', 'op')`);
        return real.settlePage(page);
      },
    }),
  });
  const result = await finish('host-1', { pageSize: 20, pages: 1 });
  expect(result).toMatchObject({ claimed: 20, stopped: 'paused by op: deploy' });
  expect(result.seen).toBe(40);
  expect(await finish()).toMatchObject({ seen: 0, stopped: 'paused by op: deploy' });
});

it('waits for no locked row: three tries, then they are left', async () => {
  await insertManyRuns(db.admin, { count: 35, processes: await deadProcesses(1) });
  await startBlindReaper();
  const monitor = await OpenTransaction.begin(db.admin);
  await monitor.run('select from jobs for update');
  const result = await finish();
  expect(result).toMatchObject({ claimed: 0, left: 35 });
  await monitor.rollback();
  expect(await finish()).toMatchObject({ claimed: 35, left: 0 });
});

it('looks again at runs whose looks got too old before they could be claimed', async () => {
  await insertManyRuns(db.admin, { count: 35, processes: await deadProcesses(2) });
  let settles = 0;
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        settles += 1;
        // Meanwhile one was started again, and lives.
        if (settles === 2) await db.admin.query(`update jobs set pid = $1 where id = 'job-7'`, [process.pid]);
        return real.settlePage(settles < 3 ? aMinuteLater(page) : page);
      },
    }),
  });
  const result = await finish();
  expect(result).toMatchObject({ seen: 35, proven: 34, claimed: 34, lost: 0, stopped: null });
  expect(await countClaimed(db.admin)).toEqual({ claims: 34, runs: 34 });
  expect(await readJob(db.admin, 'job-7')).toMatchObject({ status: 'running' });
  const [entry] = await listLedger(db.admin, { limit: 1 });
  expect(entry?.evidence).toMatchObject({ streak: 2 });
});

it.each([
  ['leaves runs whose looks are too old each time, and ends', true, 4],
  ['takes no further look if its workflow knows of none, as one of an older version', false, 1],
])('%s', async (_, mayLookAgain, expected) => {
  await insertManyRuns(db.admin, { count: 35, processes: await deadProcesses(2) });
  let settles = 0;
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        settles += 1;
        const { mayLookAgain: may, ...rest } = aMinuteLater(page);
        return real.settlePage({ ...rest, ...(mayLookAgain && { mayLookAgain: may === true }) });
      },
    }),
  });
  expect(await finish()).toMatchObject({ seen: 35, proven: 35, claimed: 0, left: 35, stopped: null });
  expect(settles).toBe(expected);
});

it('neither counts nor logs a win twice, if its answer was lost', async () => {
  await insertManyRuns(db.admin, { count: 40, processes: await deadProcesses(1) });
  let isLost = false;
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        const settled = await real.settlePage(page);
        if (isLost) return settled;
        isLost = true;
        throw new Error('the worker was killed');
      },
    }),
  });
  expect(await finish()).toMatchObject({ claimed: 40, lost: 0, left: 0 });
  expect(await countClaimed(db.admin)).toEqual({ claims: 40, runs: 40 });
  expect(await reaper.counted('job_reaper_claims_total', { result: 'won' })).toBe(40);
  expect(reaper.log.lines.filter((line) => line.includes('reaped ->'))).toHaveLength(40);
});

it('logs and counts every win, also if a batch beside it loses its connection', async () => {
  await db.admin.query(`
    create sequence public.once;
    create function public.end_once() returns trigger language plpgsql security definer as $$
    begin
      if nextval('public.once') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
      return new;
    end $$;
    create trigger end_once before update of status on jobs for each row when (new.id = 'job-9')
      execute function public.end_once()`);
  await insertManyRuns(db.admin, { count: 60, processes: await deadProcesses(1) });
  await startBlindReaper();
  expect(await finish()).toMatchObject({ claimed: 60, lost: 0, left: 0 });
  expect(await countClaimed(db.admin)).toEqual({ claims: 60, runs: 60 });
  expect(await reaper.counted('job_reaper_claims_total', { result: 'won' })).toBe(60);
  expect(reaper.log.lines.filter((line) => line.includes('reaped ->'))).toHaveLength(60);
});

it('does not let one run that fails, in whatever way, keep the others from being repaired', async () => {
  await db.admin.query(`
    create function public.refuse() returns trigger language plpgsql as $$
    begin
      if new.id = 'job-7' then raise exception 'poison'; end if;
      if new.id = 'job-9' then perform pg_sleep(60); end if;
      return new;
    end $$;
    create trigger refuse before update on jobs for each row execute function public.refuse();
    create function public.refuse_late() returns trigger language plpgsql as $$
    begin
      if new.id = 'job-8' then raise exception 'late poison'; end if;
      return null;
    end $$;
    create constraint trigger refuse_late after update on jobs deferrable initially deferred
      for each row execute function public.refuse_late()`);
  await insertManyRuns(db.admin, { count: 20, processes: await deadProcesses(1) });
  await startBlindReaper();
  expect(await finish()).toMatchObject({ claimed: 17, left: 3 });
  const { rows } = await db.admin.query<{ job_id: string; why: string }>(
    'select job_id, why from reaper.troubled_run order by job_id',
  );
  expect(rows.map(({ job_id: id, why }) => [id, why.slice(0, 11)])).toEqual([
    ['job-7', 'poison (SQL'],
    ['job-8', 'late poison'],
    ['job-9', 'canceling s'],
  ]);
});

it('keeps every payload small, whatever the job ids are', async () => {
  await insertManyRuns(db.admin, {
    prefix: `job-${'\u0001'.repeat(170)}`,
    count: 300,
    processes: await deadProcesses(1),
  });
  const sizes: number[] = [];
  const measured = (...values: unknown[]) => sizes.push(Buffer.byteLength(JSON.stringify(values)));
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        measured(page);
        return real.settlePage(page);
      },
    }),
    probes: (real) => ({
      lookAtHost: async (...args) => {
        const found = await real.lookAtHost(...args);
        measured(args);
        measured(found);
        return found;
      },
    }),
  });
  expect(await finish()).toMatchObject({ seen: 300, claimed: 300, left: 0 });
  expect(Math.max(...sizes)).toBeLessThan(64_000);
});

/** A reaper that holds the claims of the second page until it is let go. */
async function startHeldReaper() {
  const { pass, letGo } = createHold();
  let pages = 0;
  await startBlindReaper({
    jobs: (real) => ({
      settlePage: async (page) => {
        pages += 1;
        if (pages === 2) await pass;
        return real.settlePage(page);
      },
    }),
  });
  return { secondPage: () => eventually('the second page', () => pages === 2), letGo };
}

it('can be terminated in the middle: what it claimed stays, and the next one does the rest', async () => {
  await insertManyRuns(db.admin, { count: 60, processes: await deadProcesses(1) });
  const { secondPage, letGo } = await startHeldReaper();
  const handle = await start('host-1', { pageSize: 30, pages: 1 });
  await secondPage();
  await handle.terminate();
  letGo();
  await finish();
  await eventually('all of them', async () => (await countClaimed(db.admin)).runs === 60);
  expect(await countClaimed(db.admin)).toEqual({ claims: 60, runs: 60 });
});

it('shows on its page, and to explain, what it has done so far', async () => {
  await insertManyRuns(db.admin, { count: 30, processes: await deadProcesses(1) });
  const { secondPage, letGo } = await startHeldReaper();
  const { names, client } = reaper;
  const context: ExplainContext = {
    settings: { REAPER_HOST: 'host-1', REAPER_SHARED_PID_NAMESPACE: false, REAPER_PROC: '/proc' },
    names,
    query: (work) => work(db.reaper),
    temporal: (_limitMs, work) => work(client),
  };
  expect(await askHostWatch(context, 'host-1')).toBeNull();
  const handle = await start('host-1', { pageSize: 20, pages: 1 });
  await secondPage();
  const facts = await gatherFacts(context, 'job-9');
  expect(facts.running?.hostWatch).toMatchObject({
    id: names.hostWatchId('host-1'),
    state: { phase: 'settling', counts: { seen: 30, proven: 20, claimed: 20, left: 0 } },
  });
  expect(JSON.stringify(explain(facts).sections)).toContain('a watch of its whole host is open');
  letGo();
  await handle.result();
  expect(await askHostWatch(context, 'host-1')).toBeNull();
  const { currentDetails } = await client.workflow
    .getHandle(handle.workflowId)
    .query<temporal.api.sdk.v1.WorkflowMetadata>('__temporal_workflow_metadata');
  expect(currentDetails).toContain('**Host** `host-1`');
  expect(currentDetails).toContain('| claimed | 30 |');
  expect(currentDetails).toContain('**Now**: over');
});
