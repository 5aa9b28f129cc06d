import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventually } from '../../support/wait.js';
import { pathOf, read } from '../support.js';
import { Compose, docker } from './support/compose.js';

// The unchanged unit, on a machine with systemd: a container, beside the services of compose.

const MACHINE = 'check-systemd';
const UNIT = 'job-reaper-probe';
const HOST = 'builder-3';
/** What `systemd-analyze security` may say: from 0, nothing exposed, to 10. */
const MAX_EXPOSURE = 1.6;

const compose = new Compose();
const inside = (...words: string[]) => docker('exec', MACHINE, ...words);
const show = (property: string, unit = UNIT) =>
  inside('systemctl', 'show', unit, '--property', property, '--value');

beforeAll(async () => {
  await compose.run('down', '--volumes', '--remove-orphans');
  await compose.run('up', '--build', '--wait', '--detach');
  await compose.query(`create role job_reaper_probe login password 'probe' in role reaper_probe`);
  const file = pathOf('test/deploy/base-images/systemd.Dockerfile');
  // The builder that needs no plugin of the client.
  const build = ['build', '--network', 'host', '--tag', 'job-reaper-systemd', '--file', file];
  await execa('docker', [...build, pathOf('test/deploy/base-images')], { env: { DOCKER_BUILDKIT: '0' } });
  const rights = ['--cap-add', 'SYS_ADMIN', '--security-opt', 'seccomp=unconfined'];
  const folders = ['--tmpfs', '/run', '--tmpfs', '/tmp', '--volume', '/sys/fs/cgroup:/sys/fs/cgroup'];
  const network = ['--network', `${compose.project}_default`, '--hostname', HOST];
  const flags = [...rights, ...folders, ...network, '--cgroupns', 'host', '--env', 'container=docker'];
  await docker('run', '--detach', '--name', MACHINE, ...flags, 'job-reaper-systemd');
  await eventually('systemd is up', async () => {
    const { stdout } = await execa('docker', ['exec', MACHINE, 'systemctl', 'is-system-running'], {
      reject: false,
    });
    return ['running', 'degraded'].includes(stdout.trim());
  });
});
afterAll(async () => {
  await execa('docker', ['rm', '--force', '--volumes', MACHINE], { reject: false });
  await compose.run('down', '--volumes', '--remove-orphans');
});
afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  console.log(await inside('journalctl', '--no-pager', '--lines=60'));
});

it('starts as docs/deployment.md says, without libnss-systemd', async () => {
  const { stdout: package_ } = await execa('docker', ['exec', MACHINE, 'dpkg', '-s', 'libnss-systemd'], {
    reject: false,
  });
  expect(package_).toBe('');
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-unit-'));
  try {
    const env = (await read('deploy/systemd/probe.env.example'))
      .replace(/^DATABASE_URL=.*$/m, 'DATABASE_URL=postgres://job_reaper_probe:probe@postgres:5432/jobs')
      .replace(/^TEMPORAL_ADDRESS=.*$/m, 'TEMPORAL_ADDRESS=temporal:7233')
      .replace(/^REAPER_HOST=.*$/m, `REAPER_HOST=${HOST}`);
    await writeFile(join(folder, 'probe.env'), env, { mode: 0o600 });
    await inside('install', '-d', '-m', '755', '/etc/job-reaper');
    await docker('cp', join(folder, 'probe.env'), `${MACHINE}:/etc/job-reaper/probe.env`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const unit = `${UNIT}.service`;
  await docker('cp', pathOf(`deploy/systemd/${unit}`), `${MACHINE}:/etc/systemd/system/${unit}`);
  await inside('systemctl', 'daemon-reload');
  await inside('systemctl', 'enable', '--now', UNIT);
  await eventually('the probe is ready', async () => {
    const program = `fetch('http://127.0.0.1:9464/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))`;
    const { failed } = await execa('docker', ['exec', MACHINE, 'node', '-e', program], { reject: false });
    return !failed;
  });
  expect(await show('NRestarts')).toBe('0');
  const pid = await show('MainPID');
  const status = await inside('cat', `/proc/${pid}/status`);
  expect(status).toMatch(/^CapEff:\t0{16}$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(status).not.toMatch(/^Uid:\t0\t/m);
});

it('exposes little', async () => {
  const lines = await inside('systemd-analyze', 'security', '--no-pager', UNIT);
  const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(lines)?.[1];
  console.log(`systemd-analyze security says ${exposure ?? 'nothing'}.`);
  expect(Number(exposure)).toBeLessThanOrEqual(MAX_EXPOSURE);
});

it('proves life and finds the death of a process of another user', async () => {
  await inside('systemd-run', '--unit=agent', '--property=User=nobody', 'sleep', '3600');
  const pid = await eventually('the pid', async () => Number(await show('MainPID', 'agent')));
  const cli = ['node', '/opt/job-reaper/dist/src/cli.js'];
  const stamp = await inside(...cli, 'identity', String(pid));
  await compose.query(
    `insert into jobs (id, agent, repo, status, attempts, max_attempts, host, pid, process_identity, started_at)
     values ('on-unit', 'developer', 'web', 'running', 1, 2, $1, $2, $3, reaper.now() - interval '1 minute')`,
    [HOST, pid, stamp],
  );
  await eventually('explain proves it alive', async () =>
    (await compose.reaper('explain', 'on-unit')).includes('alive'),
  );
  await inside('bash', '-c', `kill -9 ${pid}`);
  await eventually(
    'the repair',
    async () => {
      const [row] = await compose.query<{ status: string }>(`select status from jobs where id = 'on-unit'`);
      return row?.status === 'queued';
    },
    180_000,
  );
});

it('ends on a stop within its time, and tells so', async () => {
  await inside('systemctl', 'stop', UNIT);
  expect(await show('Result')).toBe('success');
});
