import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { afterEach, beforeEach, describe, expect, inject, it, vi } from 'vitest';
import { readPlace } from '../../src/liveness/index.js';
import { Names } from '../../src/naming.js';
import { packageRoot } from '../../src/paths.js';
import type { WatchState } from '../../src/workflows/messages.js';
import { cli } from '../cli/support.js';
import { startReceiver } from '../notify/receiver.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { canMakeHosts, Host } from '../support/host.js';
import { LauncherProcess } from '../support/launcher-process.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

const CLI = join(packageRoot, 'dist', 'src', 'cli.js');

/** Each host has workers of its own, which take their time to start on a busy machine. */
const LIMIT_MS = 120_000;
vi.setConfig({ testTimeout: 600_000, hookTimeout: 300_000 });

type HostName = 'host-a' | 'host-b';

let db: TestDatabase;
let name: string;
let connection: Connection;
let client: Client;
let hosts: Record<HostName, Host>;
const workers: WorkerProcess[] = [];
const launchers: LauncherProcess[] = [];

async function boot(): Promise<void> {
  db = await createTestDatabase();
  name = `hosts-${randomBytes(6).toString('hex')}`;
  connection = await Connection.connect({ address: inject('temporalAddress') });
  client = new Client({ connection });
  const urls = [inject('adminUrl'), `tcp://${inject('temporalAddress')}`];
  const ports = urls.map((url) => Number(new URL(url).port));
  const [a, b] = await Promise.all([Host.boot(ports), Host.boot(ports)]);
  hosts = { 'host-a': a, 'host-b': b };
}

async function switchOff(): Promise<void> {
  await Promise.all(workers.splice(0).map((worker) => worker.kill()));
  await Promise.all(Object.values(hosts).map((host) => host.stop()));
  await Promise.all(launchers.splice(0).map((launcher) => launcher.end()));
  await terminateAll(client, name);
  await connection.close();
  await db.drop();
}

function startWorker(env: Record<string, string>, on?: Host): WorkerProcess {
  const worker = new WorkerProcess({ REAPER_NAME: name, ...env }, undefined, on?.entrance);
  workers.push(worker);
  return worker;
}

/** The worker that sweeps; it is on neither host. */
const startSweeps = (env: Record<string, string> = {}) =>
  startWorker({ PARTS: 'workflows', REAPER_HOST: 'elsewhere', DATABASE_URL: db.reaperUrl, ...env });

/** The probe of a host, on it unless told otherwise. */
const startProbe = (of: HostName, on: Host | undefined = hosts[of]) =>
  startWorker({ PARTS: 'probe', REAPER_HOST: of, DATABASE_URL: db.probeUrl }, on);

function startLauncher(of: HostName, agent: string): LauncherProcess {
  const env = { DATABASE_URL: db.adminUrl, LAUNCHER_HOST: of, LAUNCHER_AGENTS: agent };
  const launcher = new LauncherProcess(env, hosts[of].entrance);
  launchers.push(launcher);
  return launcher;
}

interface Agent {
  pid: number;
  processIdentity: string;
}

/** A process of a host and its stamp, as that host's own command says it. */
function startAgent(of: HostName): Agent {
  const pid = Number(hosts[of].run('sleep 3600 >&- 2>&- & echo $!'));
  return { pid, processIdentity: stampOf(of, pid) };
}

const stampOf = (of: HostName, pid: number) =>
  hosts[of].run(`"${process.execPath}" "${CLI}" identity ${pid}`);

/** An agent on each host, both with the same pid. */
function startTwins(): Record<HostName, Agent> {
  for (let number = 5_000; number < 30_000; number += 500) {
    const pids = (['host-a', 'host-b'] as const).map((of) =>
      Number(hosts[of].run(`echo ${number} > /proc/sys/kernel/ns_last_pid; sleep 3600 >&- 2>&- & echo $!`)),
    );
    const [pid = 0, other] = pids;
    if (pid === other) {
      return {
        'host-a': { pid, processIdentity: stampOf('host-a', pid) },
        'host-b': { pid, processIdentity: stampOf('host-b', pid) },
      };
    }
  }
  throw new Error('Expected the same pid on both hosts, got none that is free');
}

const kill = (of: HostName, { pid }: { pid: number }) => hosts[of].run(`kill -9 ${pid}`);

const job = (id: string) => readJob(db.admin, id);
const jobStatus = async (id: string) => (await job(id))['status'];
const requeued = (id: string) =>
  eventually(`job ${id} requeued`, async () => (await jobStatus(id)) === 'queued', LIMIT_MS);

async function lastSweep() {
  const { rows } = await db.reaper.query<{
    summary: { number: number; hostsWithoutProbe: string[] };
  }>('select summary from reaper.last_sweep');
  return rows[0]?.summary ?? { number: 0, hostsWithoutProbe: [] };
}

/** Waits for so many sweeps that begin after this call. */
async function sweeps(count: number): Promise<void> {
  const { number } = await lastSweep();
  await eventually(`${count} sweeps`, async () => (await lastSweep()).number > number + count, LIMIT_MS);
}

/** Waits for a sweep that found just these hosts without a probe. */
const silence = (...expected: HostName[]) =>
  eventually(
    `hosts without a probe: ${expected.join(', ')}`,
    async () => {
      const { number, hostsWithoutProbe } = await lastSweep();
      return number > 0 && JSON.stringify(hostsWithoutProbe) === JSON.stringify(expected);
    },
    LIMIT_MS,
  );

async function evidenceOf(id: string): Promise<unknown> {
  const { rows } = await db.reaper.query<{ evidence: string }>(
    `select evidence -> 'liveness' ->> 'evidence' as evidence from reaper.ledger where job_id = $1`,
    [id],
  );
  return rows.map(({ evidence }) => evidence);
}

const command = (...args: string[]) =>
  cli(args, {
    REAPER_NAME: name,
    DATABASE_URL: db.reaperUrl,
    TEMPORAL_ADDRESS: inject('temporalAddress'),
  });

describe.skipIf(!canMakeHosts())(
  'two hosts, each with pid and network namespaces of its own (needs Linux, unshare, nsenter and permission to use them)',
  () => {
    beforeEach(boot);
    afterEach(switchOff);

    it('see nothing of each other', () => {
      const [a, b] = Object.values(hosts);
      for (const namespace of ['pid', 'net', 'mnt']) {
        const seen = [a, b].map((host) => host?.run(`readlink /proc/self/ns/${namespace}`));
        expect(new Set(seen).size, namespace).toBe(2);
      }
      expect(a?.run('ls -d /proc/[0-9]*').split('\n').length).toBeLessThan(10);
    });

    it('judge the runs on them, each its own: of two agents with one pid only the dead one’s run is reaped', async () => {
      const twins = startTwins();
      await insertRunningJob(db.admin, { id: 'a', host: 'host-a', ...twins['host-a'] });
      await insertRunningJob(db.admin, { id: 'b', host: 'host-b', ...twins['host-b'] });
      expect(twins['host-a'].processIdentity).not.toBe(twins['host-b'].processIdentity);
      startProbe('host-a');
      startProbe('host-b');
      startSweeps();
      await silence();
      await sweeps(3);
      expect([await jobStatus('a'), await jobStatus('b')]).toEqual(['running', 'running']);

      kill('host-a', twins['host-a']);
      await requeued('a');
      await sweeps(3);
      expect(await jobStatus('b')).toBe('running');
      kill('host-b', twins['host-b']);
      await requeued('b');
      expect(await evidenceOf('b')).toEqual([
        expect.stringMatching(new RegExp(`^pid ${twins['host-b'].pid} absent`)),
      ]);
    });

    it('launch jobs that are found when monitor and agent die, and run again', async () => {
      await db.admin.query(
        `insert into jobs (id, agent, status) values ('a', 'builder', 'queued'), ('b', 'surveyor', 'queued')`,
      );
      const started = {
        'host-a': startLauncher('host-a', 'builder'),
        'host-b': startLauncher('host-b', 'surveyor'),
      };
      startProbe('host-a');
      startProbe('host-b');
      startSweeps();
      const find = async (of: HostName) => {
        const { events } = started[of];
        return eventually(`the agent on ${of}`, () => {
          const monitor = events.find((event) => event.event === 'took');
          const agent = events.find((event) => event.event === 'agent started');
          return monitor && agent && { monitor: monitor.monitorPid, agent: agent.pid };
        });
      };
      const [onA] = [await find('host-a'), await find('host-b')];
      // One whose monitor dies before it is stamped names no process; only its age shows.
      await eventually('both stamped', async () => (await job('a'))['pid'] && (await job('b'))['pid']);
      await silence();
      hosts['host-a'].run(`kill -9 ${onA.monitor} ${onA.agent}`);
      // The second attempt, by the launcher of the same host, finds most of the work done.
      await eventually('the second attempt done', async () => (await jobStatus('a')) === 'done', LIMIT_MS);
      expect(await job('a')).toMatchObject({ attempts: 2, host: 'host-a' });
      expect(await job('b')).toMatchObject({ attempts: 1, host: 'host-b', status: 'running' });
      expect(await evidenceOf('a')).toEqual([expect.stringContaining(`pid ${onA.agent} absent`)]);
      expect(await evidenceOf('b')).toEqual([]);
    });

    it('without its probe one’s runs are unknown: listed, alerted about once, and judged when the probe is back', async () => {
      const hook = await startReceiver();
      const agents = { a: startAgent('host-a'), b: startAgent('host-b') };
      const onB = await insertRunningJob(db.admin, { id: 'b', host: 'host-b', ...agents.b });
      await insertRunningJob(db.admin, { id: 'a', host: 'host-a', ...agents.a });
      startProbe('host-a');
      const probe = startProbe('host-b');
      startSweeps({ REAPER_WEBHOOK_URL: hook.url });
      await silence();

      await probe.kill();
      kill('host-b', agents.b);
      await silence('host-b');
      await eventually('the alert', () => hook.requests.length === 1);
      // Meanwhile the other host's runs are judged as ever.
      kill('host-a', agents.a);
      await requeued('a');
      await sweeps(4);
      expect(await jobStatus('b')).toBe('running');
      expect(hook.requests.map(({ body }) => [body['kind'], body['host']])).toEqual([
        ['host without probe', 'host-b'],
      ]);
      const { stdout } = await command('status');
      expect(stdout).toContain('host-b: start a worker there');
      await client.workflow
        .getHandle(new Names(name).watchId(onB))
        .signal('poke', { why: 'look', park: true });
      await eventually('the watch to be told', async () => {
        const { story } = await watchOf(onB);
        return story.some((line) => line.includes('seen unknown: the probe on host host-b did not answer'));
      });

      startProbe('host-b');
      await requeued('b');
      await silence();
      expect(hook.requests).toHaveLength(1);
    });

    it('can be declared gone, but not while a probe answers there', async () => {
      const agent = startAgent('host-b');
      await insertRunningJob(db.admin, { id: 'b', host: 'host-b', ...agent });
      const probe = startProbe('host-b');
      startSweeps();
      await silence();
      await sweeps(1);
      const refused = await command('host-gone', 'host-b');
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain('host-b');
      expect(await jobStatus('b')).toBe('running');

      await probe.kill();
      await hosts['host-b'].stop();
      await silence('host-b');
      await sweeps(2);
      expect(await jobStatus('b')).toBe('running');
      // Refused for a while after the last answer.
      await eventually(
        'it declared gone',
        async () => (await command('host-gone', 'host-b')).code === 0,
        LIMIT_MS,
      );
      await requeued('b');
      expect(await evidenceOf('b')).toEqual([expect.stringMatching(/^host declared gone by /)]);
    });

    it('wait for no other: a probe that hangs delays neither the sweeps nor the other host’s repairs', async () => {
      const agents = { a: startAgent('host-a'), b: startAgent('host-b') };
      await insertRunningJob(db.admin, { id: 'a', host: 'host-a', ...agents.a });
      await insertRunningJob(db.admin, { id: 'b', host: 'host-b', ...agents.b });
      startProbe('host-a');
      const probe = startProbe('host-b');
      startSweeps();
      await silence();

      probe.signal('SIGSTOP');
      await silence('host-b');
      kill('host-b', agents.b);
      kill('host-a', agents.a);
      await requeued('a');
      await sweeps(5);
      expect((await lastSweep()).hostsWithoutProbe).toEqual(['host-b']);
      expect(await jobStatus('b')).toBe('running');
      probe.signal('SIGCONT');
      await requeued('b');
    });

    it('are known from inside, and from the first pid namespace: any other probe says unknown of a dead run and of a live one', async () => {
      const [dead, live] = [startAgent('host-a'), startAgent('host-a')];
      const run = await insertRunningJob(db.admin, { id: 'dead', host: 'host-a', ...dead });
      await insertRunningJob(db.admin, { id: 'live', host: 'host-a', ...live });
      kill('host-a', dead);
      // It answers for the host, and is even told that it shares the launchers' pids, but its pids are others.
      const outside = startWorker({
        PARTS: 'probe',
        REAPER_HOST: 'host-a',
        REAPER_SHARED_PID_NAMESPACE: 'true',
        DATABASE_URL: db.probeUrl,
      });
      startSweeps();
      await silence();
      if (readPlace().isInitial) {
        await requeued('dead');
        await sweeps(3);
        expect(await jobStatus('live')).toBe('running');
        return;
      }
      await sweeps(4);
      expect([await jobStatus('dead'), await jobStatus('live')]).toEqual(['running', 'running']);
      await client.workflow
        .getHandle(new Names(name).watchId(run))
        .signal('poke', { why: 'look', park: true });
      await eventually('an unknown process', async () => {
        const { story } = await watchOf(run);
        return story.some((line) => /seen unknown: .*namespace/.test(line));
      });

      await outside.kill();
      startProbe('host-a');
      await requeued('dead');
      await sweeps(3);
      expect(await jobStatus('live')).toBe('running');
    });
  },
);

function watchOf(run: { jobId: string; runKey: string }): Promise<WatchState> {
  return client.workflow.getHandle(new Names(name).watchId(run)).query<WatchState>('watch');
}
