import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, inject, it, onTestFinished, vi } from 'vitest';
import { packageRoot } from '../../src/paths.js';
import { cli } from '../cli/support.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { canMakeHosts, Host } from '../support/host.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

const CLI = join(packageRoot, 'dist', 'src', 'cli.js');
/** A worker takes its time to start on a busy machine, and a probe counts as there for 15 s after its last word. */
const LIMIT_MS = 120_000;
vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

let db: TestDatabase;
let name: string;
let connection: Connection;
const workers: WorkerProcess[] = [];
const pods: Host[] = [];

beforeEach(async () => {
  db = await createTestDatabase();
  name = `replaced-${randomBytes(6).toString('hex')}`;
  connection = await Connection.connect({ address: inject('temporalAddress') });
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  await Promise.all(pods.splice(0).map((pod) => pod.stop()));
  await terminateAll(new Client({ connection }), name);
  await connection.close();
  await db.drop();
});

/** A pod: a pid namespace whose process 1 begins now. */
async function startPod(): Promise<Host> {
  const urls = [inject('adminUrl'), `tcp://${inject('temporalAddress')}`];
  const pod = await Host.boot(urls.map((url) => Number(new URL(url).port)));
  pods.push(pod);
  return pod;
}

function startWorker(env: Record<string, string>, on?: Host): WorkerProcess {
  const worker = new WorkerProcess({ REAPER_NAME: name, ...env }, undefined, on?.entrance);
  workers.push(worker);
  return worker;
}
const startSweeps = () =>
  startWorker({ PARTS: 'workflows', REAPER_HOST: 'elsewhere', DATABASE_URL: db.reaperUrl });
/** The sidecar: every pod of a StatefulSet has its name again. */
const startProbe = (pod: Host) =>
  startWorker({ PARTS: 'probe', REAPER_HOST: 'launcher-0', DATABASE_URL: db.probeUrl }, pod);

/** A running job whose process is in the pod, stamped there. */
async function startJob(id: string, pod: Host) {
  const pid = Number(pod.run('sleep 3600 >&- 2>&- & echo $!'));
  const processIdentity = pod.run(`"${process.execPath}" "${CLI}" identity ${pid}`);
  await insertRunningJob(db.admin, { id, host: 'launcher-0', pid, processIdentity, startedS: 0 });
  return { pid, processIdentity };
}

const statusOf = async (id: string) => (await readJob(db.admin, id))['status'];
const command = (...args: string[]) =>
  cli(args, { REAPER_NAME: name, DATABASE_URL: db.reaperUrl, TEMPORAL_ADDRESS: inject('temporalAddress') });

/** Waits for so many sweeps that begin after this call and have an answer of the pod's name. */
async function sweeps(count: number): Promise<void> {
  const answered = async () => {
    const { rows } = await db.reaper.query<{ number: number; silent: string[] }>(
      `select (summary -> 'number')::int as number, summary -> 'hostsWithoutProbe' as silent from reaper.last_sweep`,
    );
    return rows[0]?.silent.length === 0 ? rows[0].number : null;
  };
  const first = await eventually('a sweep with an answer', answered, LIMIT_MS);
  await eventually('more of them', async () => ((await answered()) ?? 0) > first + count, LIMIT_MS);
}

/** Waits until exactly these pid namespaces report under the name. */
async function reports(pod: Host): Promise<void> {
  const namespace = pod.run('readlink /proc/self/ns/pid').replaceAll(/\D/g, '');
  await eventually(
    'the pod’s report',
    async () =>
      (
        await db.admin.query(
          `select from reaper.host_boot where host = 'launcher-0' and pid_namespace = $1 and last_seen_at > reaper.now() - interval '5 s'`,
          [namespace],
        )
      ).rowCount === 1,
    LIMIT_MS,
  );
}

const declare = () =>
  eventually(
    'it declared replaced, once its predecessor has been silent for long enough',
    async () => (await command('host-gone', 'launcher-0', '--replaced', '--by', 'ada')).code === 0,
    LIMIT_MS,
  );

describe.skipIf(!canMakeHosts())(
  'a pod that comes back under its name (needs Linux, unshare, nsenter and permission to use them)',
  () => {
    it('has the runs of its predecessor reaped once it is declared replaced, and none of its own', async () => {
      const first = await startPod();
      const old = await startJob('old', first);
      startProbe(first);
      startSweeps();
      await sweeps(3);
      expect(await statusOf('old')).toBe('running');

      // As long as it is open, no other namespace gets its number: the predecessor's stamps would look like the successor's own.
      const namespace = await open(`/proc/${first.entrance[2] ?? ''}/ns/pid`);
      onTestFinished(() => namespace.close());
      await first.stop();
      const second = await startPod();
      await startJob('new', second);
      // The predecessor's process, in the row of a run that started when it was gone: such a row is nobody's to explain.
      await insertRunningJob(db.admin, { id: 'late', host: 'launcher-0', ...old, startedS: 0 });
      startProbe(second);
      await reports(second);
      await sweeps(4);
      const statuses = async () => [await statusOf('old'), await statusOf('new'), await statusOf('late')];
      expect(await statuses()).toEqual(['running', 'running', 'running']);

      const refused = await command('host-gone', 'launcher-0');
      expect([refused.code, refused.stderr]).toEqual([
        1,
        expect.stringContaining('declare it with --replaced'),
      ]);
      await declare();
      await eventually('the old run requeued', async () => (await statusOf('old')) === 'queued', LIMIT_MS);
      await sweeps(4);
      const { rows } = await db.reaper.query<{ evidence: string }>(
        `select evidence #>> '{liveness,evidence}' as evidence from reaper.ledger`,
      );
      expect(rows).toEqual([
        {
          evidence: expect.stringMatching(
            /^host declared replaced by ada: .* in another pid namespace/,
          ) as string,
        },
      ]);
      expect(await statuses()).toEqual(['queued', 'running', 'running']);
    });

    it('loses that claim to a predecessor that lives after all: its probe’s word stands above the operator’s', async () => {
      const first = await startPod();
      const { pid } = await startJob('old', first);
      const probe = startProbe(first);
      await reports(first);
      // Cut off, not gone: only its probe is silent.
      await probe.kill();
      const second = await startPod();
      startProbe(second);
      await reports(second);
      startSweeps();
      expect((await command('pause', '--reason', 'first the declaration')).code).toBe(0);
      await declare();
      startProbe(first);
      await reports(first);
      expect((await command('resume')).code).toBe(0);
      await sweeps(5);
      expect(await statusOf('old')).toBe('running');
      expect(first.run(`kill -0 ${pid} && echo alive`)).toBe('alive');
      expect((await db.admin.query('select from reaper.ledger')).rowCount).toBe(0);
    });
  },
);
