import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OpenTransaction } from '../../../support/locks.js';
import { insertRunningJob } from '../../../support/rows.js';
import { eventually } from '../../../support/wait.js';
import { freePort } from '../../../../servers/index.js';
import { Proxy } from '../../../support/proxy.js';
import type { Bench } from './bench.js';

/** Makes something wrong on a bench, and returns what makes it right again. */
export type Fault = (bench: Bench) => Promise<() => Promise<unknown>>;

/** What each alert is for, really done. */
export const FAULTS: Record<string, Fault> = {
  async JobReaperAbsent(bench) {
    const worker = await scraped(bench);
    await worker.kill();
    return () => Promise.resolve(bench.worker());
  },

  async JobReaperNoWorkflowWorker(bench) {
    bench.probe();
    const worker = await scraped(bench, {}, 2);
    await worker.kill();
    return () => Promise.resolve(bench.worker());
  },

  // The row of the ledger names a process that lives, as if the look that found it dead had been wrong.
  async JobReaperBraked(bench) {
    const { db } = bench.world;
    const { pid, processIdentity } = bench.world.startProcess();
    await scraped(bench);
    await bench.world.killedJob('j1');
    await bench.world.requeued('j1');
    await db.admin.query('update reaper.ledger set pid = $1, process_identity = $2', [pid, processIdentity]);
    return () => db.reaper.query(`select reaper.set_mode('active', 'test')`);
  },

  async JobReaperSweepsOverdue(bench) {
    await scraped(bench);
    await bench.temporal.cut();
    return () => bench.temporal.restore();
  },

  async JobReaperSweepsFail(bench) {
    const { admin } = bench.world.db;
    await scraped(bench);
    await admin.query('revoke select on reaper.examinable_run from reaper');
    return () => admin.query('grant select on reaper.examinable_run to reaper');
  },

  async JobReaperUnreachable(bench) {
    await scraped(bench);
    await bench.temporal.cut();
    return () => bench.temporal.restore();
  },

  async JobReaperHostWithoutProbe(bench) {
    await scraped(bench);
    return running(bench, { host: 'host-9' });
  },

  // The role of its login is taken away.
  async JobReaperProbeFails(bench) {
    const { admin, probeUrl } = bench.world.db;
    const login = `probe_${randomBytes(6).toString('hex')}`;
    await admin.query(`create role ${login} login password 'test' in role reaper_probe`);
    const url = new URL(probeUrl);
    url.username = login;
    const probe = bench.probe({ DATABASE_URL: url.href });
    await scraped(bench, {}, 2);
    const end = await running(bench, { host: 'host-2' });
    await admin.query(`revoke reaper_probe from ${login}`);
    return async () => {
      await admin.query(`grant reaper_probe to ${login}`);
      await end();
      await probe.kill();
      await admin.query(`drop role ${login}`);
    };
  },

  async JobReaperClaimsFail(bench) {
    const { admin } = bench.world.db;
    await scraped(bench);
    await admin.query(
      `create function refuse() returns trigger language plpgsql as 'begin raise ''refused''; end'`,
    );
    await admin.query('create trigger refuse before update on jobs for each row execute function refuse()');
    await bench.world.killedJob('j1');
    return () => admin.query('drop trigger refuse on jobs');
  },

  // One place for three dead runs, and somebody holds their rows.
  async JobReaperRunsWait(bench) {
    const limits = { REAPER_WATCH_ALL_LIMIT: '1', REAPER_MAX_WATCHES: '1', REAPER_BATCH_ABOVE: '100' };
    await scraped(bench, limits);
    for (const id of ['j1', 'j2', 'j3']) await bench.world.killedJob(id);
    const holder = await OpenTransaction.begin(bench.world.db.admin);
    await holder.run('select from jobs for update');
    return () => holder.rollback();
  },

  async JobReaperUnknownRuns(bench) {
    await scraped(bench);
    const { pid, processIdentity } = bench.world.startProcess();
    return running(bench, { pid, processIdentity: processIdentity.replace(/:\d+:(\d+)$/, ':1:$1') });
  },

  async JobReaperUnwatchableJobs(bench) {
    await scraped(bench);
    return running(bench, { runId: null, startedS: null });
  },

  // A probe in another pid namespace answers for the same host.
  async JobReaperHostWarnings(bench) {
    const { admin } = bench.world.db;
    await scraped(bench);
    await eventually('the report of its probe', async () => {
      const { rowCount } = await admin.query(
        `insert into reaper.host_boot
         select (jsonb_populate_record(b, '{"pid_namespace": "1"}')).* from reaper.host_boot b where host = 'host-1'`,
      );
      return rowCount;
    });
    return () => admin.query(`delete from reaper.host_boot where pid_namespace = '1'`);
  },

  async JobReaperManyReaps(bench) {
    await scraped(bench);
    const agent = bench.world.startProcess();
    await agent.kill();
    for (let n = 0; n < 12; n += 1) await insertRunningJob(bench.world.db.admin, { id: `j${n}`, ...agent });
    // It counts deaths of the last minutes: nobody can undo them.
    return () => Promise.resolve();
  },

  async JobReaperCrashBudget(bench) {
    const { admin } = bench.world.db;
    await scraped(bench, { REAPER_MAX_CRASHES: '1' });
    for (const deaths of [1, 2]) {
      await admin.query(`delete from jobs where id = 'pill'`);
      const agent = bench.world.startProcess();
      await insertRunningJob(admin, { id: 'pill', attempts: 0, ...agent });
      await agent.kill();
      await eventually(
        `its claim ${deaths}`,
        async () => (await admin.query('select from reaper.ledger')).rowCount === deaths,
      );
    }
    // It counts deaths of the last minutes, too.
    return () => Promise.resolve();
  },

  async JobReaperNotificationsOwed(bench) {
    const { url } = await startWebhook();
    const target = new URL(url);
    const way = await Proxy.to({ host: target.hostname, port: Number(target.port) }, await freePort());
    await way.cut();
    await scraped(bench, { REAPER_WEBHOOK_URL: `http://127.0.0.1:${way.port}` });
    await failedJob(bench, 'j1');
    return async () => {
      await way.restore();
      await eventually(
        'the notification is settled',
        async () => (await bench.prometheus.count('job_reaper_notifications_owed == 0')) > 0,
        180_000,
      );
      await way.cut();
    };
  },

  async JobReaperChannelFails(bench) {
    const webhook = await startWebhook();
    webhook.status = 400;
    await scraped(bench, { REAPER_WEBHOOK_URL: webhook.url });
    await failedJob(bench, 'j1');
    return async () => {
      webhook.status = 200;
      await failedJob(bench, 'j2');
    };
  },

  // Something that is no file has the name of a lease.
  async JobReaperLeaseTrouble(bench) {
    const folder = await mkdtemp(join(tmpdir(), 'job-reaper-leases-'));
    await scraped(bench, { MERGE_LEASE_DIR: folder });
    await mkdir(join(folder, '.merge-lease-orchestrator.json'));
    return () => rm(join(folder, '.merge-lease-orchestrator.json'), { recursive: true });
  },

  async JobReaperPaused(bench) {
    const { reaper } = bench.world.db;
    await scraped(bench);
    await reaper.query(`select reaper.pause('maintenance', 'ada')`);
    return () => reaper.query(`select reaper.resume('ada')`);
  },

  // The first failure of a kind makes the series, so that it is not counted as an increase.
  async JobReaperWorkflowTasksFail(bench) {
    await scraped(bench);
    const { client, name } = bench.world;
    const starts = [1, 2, 3, 4].map((n) =>
      client.workflow.start('nobodyKnowsThis', { workflowId: `${name}/unknown-${n}`, taskQueue: name }),
    );
    const handles = await Promise.all(starts);
    return () => Promise.all(handles.map((handle) => handle.terminate('the test is over')));
  },
};

/** Starts the worker, and waits until it and others are scraped and it has swept. */
async function scraped(bench: Bench, env: Record<string, string> = {}, workers = 1) {
  const worker = bench.worker(env);
  await eventually('all workers are scraped', async () => {
    const swept = await bench.prometheus.count('job_reaper_last_sweep_timestamp_seconds');
    return swept > 0 && (await bench.prometheus.count('job_reaper_info')) === workers;
  });
  return worker;
}

/** A running job, and what ends it. */
async function running(
  { world }: Bench,
  job: Parameters<typeof insertRunningJob>[1],
): Promise<() => Promise<unknown>> {
  await insertRunningJob(world.db.admin, { id: 'j1', ...job });
  return () => world.db.admin.query(`update jobs set status = 'done' where id = 'j1'`);
}

/** A job that fails, because its last attempt has died: somebody has to be told. */
async function failedJob({ world }: Bench, id: string): Promise<void> {
  const agent = world.startProcess();
  await agent.kill();
  await insertRunningJob(world.db.admin, { id, attempts: 2, ...agent });
  await eventually(`job ${id} has failed`, async () => (await world.jobStatus(id)) === 'failed');
}

/** A receiver of messages that answers with a status. It ends with the test's process. */
async function startWebhook(): Promise<{ url: string; status: number }> {
  const webhook = { url: '', status: 200 };
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(webhook.status).end();
  });
  server.unref();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  webhook.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return webhook;
}
