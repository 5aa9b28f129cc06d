import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../support/wait.js';
import { Compose, docker } from './support/compose.js';

// Probes in containers: where they share their launchers' pid namespace, and where they do not.

const compose = new Compose();
const started: string[] = [];

beforeAll(async () => {
  await compose.run('down', '--volumes', '--remove-orphans');
  await compose.run('up', '--build', '--wait', '--detach');
});
afterAll(async () => {
  for (const name of started) await docker('rm', '--force', name);
  await compose.run('down', '--volumes', '--remove-orphans');
});

/** Starts a container that lasts. */
async function start(name: string, ...words: string[]): Promise<string> {
  started.push(name);
  await docker('run', '--detach', '--name', name, ...words);
  return name;
}

/** A launcher's container with one job's process. The process is not the first one there, so that the container outlives it. */
async function startLauncher(name: string, ...flags: string[]): Promise<void> {
  const script = 'sleep 3600 & echo $! > /tmp/pid; wait; sleep 3600';
  await start(
    name,
    '--init',
    ...flags,
    '--tmpfs',
    '/tmp',
    '--entrypoint',
    'bash',
    'job-reaper',
    '-c',
    script,
  );
}

/** A probe for one host, beside the services of compose. */
async function startProbe(name: string, host: string, ...flags: string[]): Promise<void> {
  const env = {
    DATABASE_URL: 'postgres://job_reaper:job_reaper@postgres:5432/jobs',
    TEMPORAL_ADDRESS: 'temporal:7233',
    REAPER_HOST: host,
  };
  const settings = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
  const network = ['--network', `${compose.project}_default`];
  const rights = ['--read-only', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  await start(name, ...network, ...rights, ...flags, ...settings, 'job-reaper', 'worker', '--no-workflows');
}

/** A running job of the launcher's process, whose stamp is made in the launcher's container. */
async function insertJob(id: string, host: string, launcher: string): Promise<void> {
  const inside = (command: string) => docker('exec', launcher, 'sh', '-c', command);
  const pid = await eventually('the pid', () => inside('cat /tmp/pid'));
  const stamp = await inside('job-reaper identity "$(cat /tmp/pid)"');
  await compose.query(
    `insert into jobs (id, agent, repo, status, attempts, max_attempts, host, pid, process_identity, started_at)
     values ($1, 'developer', 'web', 'running', 1, 2, $2, $3, $4, reaper.now() - interval '1 minute')`,
    [id, host, Number(pid), stamp],
  );
}

const kill = (launcher: string) => docker('exec', launcher, 'sh', '-c', 'kill -9 "$(cat /tmp/pid)"');

async function readStatus(id: string): Promise<string | undefined> {
  const [row] = await compose.query<{ status: string }>('select status from jobs where id = $1', [id]);
  return row?.status;
}

const explain = (id: string) =>
  compose.run('exec', '-T', 'worker', 'sh', '-c', `job-reaper explain ${id} || true`);

it('a sidecar in the pid namespace of its launcher proves life, and repairs', async () => {
  await startLauncher('check-launcher-1');
  await startProbe('check-sidecar', 'pod-1', '--pid', 'container:check-launcher-1');
  await insertJob('beside', 'pod-1', 'check-launcher-1');
  await eventually('explain proves it alive', async () => (await explain('beside')).includes('alive'));
  await kill('check-launcher-1');
  await eventually('the repair', async () => (await readStatus('beside')) === 'queued', 180_000);
});

it("a probe and a launcher in the machine's pid namespace: life is proven, and a death is repaired", async () => {
  await startLauncher('check-launcher-2', '--pid', 'host');
  await startProbe('check-probe-2', 'node-2', '--pid', 'host');
  await insertJob('on-host', 'node-2', 'check-launcher-2');
  await eventually('explain proves it alive', async () => (await explain('on-host')).includes('alive'));
  await kill('check-launcher-2');
  await eventually('the repair', async () => (await readStatus('on-host')) === 'queued', 180_000);
});

it('a probe in a pid namespace of its own leaves the run alone: it is unknown', async () => {
  await startLauncher('check-launcher-3');
  await startProbe('check-probe-3', 'node-3');
  await insertJob('elsewhere', 'node-3', 'check-launcher-3');
  await kill('check-launcher-3');
  await eventually('explain says so', async () => (await explain('elsewhere')).includes('unknown'));
  const sweeps = async () => {
    const [row] = await compose.query<{ n: string }>(
      `select summary ->> 'number' as n from reaper.last_sweep`,
    );
    return Number(row?.n);
  };
  const before = await sweeps();
  await eventually('three more sweeps', async () => (await sweeps()) >= before + 3, 120_000);
  expect(await readStatus('elsewhere')).toBe('running');
});
