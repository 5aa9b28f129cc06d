import { Worker } from '@temporalio/worker';
import { afterEach, expect, it } from 'vitest';
import type { watchJob } from '../../src/workflows/index.js';
import type { WatchState } from '../../src/workflows/messages.js';
import { bundlePath } from '../../src/worker/bundle.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { endProcesses, startProcess } from '../support/process.js';
import { readable } from '../support/raw-history.js';
import { startReaper, type TestReaper } from '../support/reaper.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import { expectHealthy } from '../support/workflow-health.js';
import { changeWorkflow, type ChangedBundle } from './changed-bundle.js';

let db: TestDatabase | undefined;
let reaper: TestReaper | undefined;
let changed: ChangedBundle | undefined;

afterEach(async () => {
  await reaper?.stop();
  await endProcesses();
  await db?.drop();
  await changed?.remove();
});

it('changed workflows are deployed over open watches, and every watch ends well', async () => {
  changed = await changeWorkflow(
    'reap.js',
    `watch.enter('claiming');`,
    `watch.enter('claiming'); if (patched('pause-before-claim')) await sleep(1);`,
  );
  db = await createTestDatabase();
  const { admin } = db;
  const agents = { parked: startProcess(), dead: startProcess() };
  const parked = await insertRunningJob(admin, { id: 'parked', ...agents.parked });
  const dead = await insertRunningJob(admin, { id: 'dead', ...agents.dead });
  const waiting = await insertRunningJob(admin, {
    id: 'waiting',
    startedS: 4_000,
    exitCode: 1,
    exitedS: 0,
  });
  // It has passed the changed place once, so its history has to be replayed the old way for ever.
  const blocked = await insertRunningJob(admin, { id: 'blocked', exitCode: 1, exitedS: 3_600 });
  let isHeld = false;
  reaper = await startReaper(db, {
    bundlePath,
    policy: { intervalS: 1, finalizeGraceS: 3_000 },
    jobs: (real) => ({
      async claim(run, ...rest) {
        if (run.jobId === 'blocked' && !isHeld) {
          isHeld = true;
          await admin.query(`select reaper.put_hold('job', 'blocked', 'r', 'op', 600)`);
        }
        return real.claim(run, ...rest);
      },
    }),
  });
  const { watch, client, names, sweepNow } = reaper;
  const phase = async (ref: typeof parked) => (await watch(ref).query<WatchState>('watch')).phase;
  await eventually('four watches', async () => (await sweepNow()).watching === 4);
  await eventually('one that waits', async () => (await phase(waiting)) === 'waiting');
  await eventually(
    'one that was refused its claim',
    async () => isHeld && (await phase(blocked)) === 'parked',
  );
  // By their run ids: a scan that began before a run was reaped may start another watch over it.
  const open = new Map(
    await Promise.all(
      [parked, dead, waiting, blocked].map(async (ref) => {
        const { workflowId, runId } = await watch(ref).describe();
        // It has to end as the execution that it was: continuing as new would leave the old history behind.
        const handle = client.workflow.getHandle<typeof watchJob>(workflowId, runId, { followRuns: false });
        return [ref, handle] as const;
      }),
    ),
  );

  await reaper.deploy(changed.codePath);
  await expectHealthy(client, names.reaper);
  await agents.dead.kill();
  await admin.query(`select reaper.release_hold('job', 'blocked', 'op')`);
  await admin.query(`update agent_runs set finished_at = reaper.now() - interval '1 h' where id = $1`, [
    waiting.runId,
  ]);
  await watch(waiting).signal('poke', { why: 'look', park: true });
  for (const ref of [dead, waiting, blocked]) {
    expect(await open.get(ref)?.result(), ref.jobId).toMatchObject({ outcome: 'queued' });
  }
  await admin.query(`update jobs set status = 'done' where id = 'parked'`);
  expect(await open.get(parked)?.result()).toMatchObject({ outcome: 'ended by itself' });

  expect(readable(await open.get(dead)?.fetchHistory())).toContain('pause-before-claim');
  for (const [ref, handle] of open) {
    const histories = [{ workflowId: handle.workflowId, history: await handle.fetchHistory() }];
    const replayed = Worker.runReplayHistories({ workflowBundle: { codePath: changed.codePath } }, histories);
    for await (const { error } of replayed) expect(error, ref.jobId).toBeUndefined();
  }
  await expectHealthy(client, names.reaper);
});
