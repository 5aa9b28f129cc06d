import { cp, open, readFile, readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, it, onTestFinished } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { endProcesses, startProcess } from '../../support/process.js';
import { eventually } from '../../support/wait.js';
import { pathOf, read } from '../support.js';
import { Cluster, NODE, NODE_ADDRESS } from './support/cluster.js';
import { Compose } from './support/compose.js';

// The manifests of deploy/k8s on a real node, in this order, with only what docs/deployment.md says to replace.

const NAMESPACE = 'job-reaper';
const IMAGE = 'registry.example.com/job-reaper';
const PATIENCE_MS = 300_000;
const OWNER_URL = `postgres://owner:owner-password@${NODE_ADDRESS}:5432/jobs`;

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  spec: { template: { metadata: { labels: object }; spec: PodSpec } };
}
interface PodSpec {
  containers: { name: string; image: string; command?: string[]; securityContext: object }[];
}

let cluster: Cluster;
let manifests: string;
const pool = new pg.Pool({ connectionString: OWNER_URL, max: 2 });
pool.on('error', () => undefined);

const kubectl = (...words: string[]) => cluster.kubectl('--namespace', NAMESPACE, ...words);
const reaper = (...words: string[]) =>
  kubectl('exec', 'deployment/job-reaper-worker', '--', 'job-reaper', ...words);
const explain = (id: string) =>
  kubectl('exec', 'deployment/job-reaper-worker', '--', 'sh', '-c', `job-reaper explain ${id} || true`);
const apply = (...flags: string[]) => cluster.kubectl('apply', '--kustomize', manifests, ...flags);
const rolledOut = (what: string) => kubectl('rollout', 'status', what, `--timeout=${PATIENCE_MS / 1000}s`);

beforeAll(async () => {
  await new Compose().run('build');
  cluster = await Cluster.start();
  for (const tag of ['0.1.0', '0.2.0']) await cluster.load('job-reaper', `${IMAGE}:${tag}`);
  await cluster.load('postgres:17-bookworm');
  await cluster.load('temporalio/temporal:1.5.1');
  manifests = await fillIn();
  await startServers();
}, 900_000);

afterAll(async () => {
  await pool.end();
  await endProcesses();
  // There is none if it could not start.
  await (cluster as Cluster | undefined)?.stop();
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  for (const words of [
    ['get', 'pods', '--all-namespaces', '--output', 'wide'],
    ['get', 'events', '--all-namespaces', '--sort-by=.lastTimestamp'],
    ['logs', '--namespace', NAMESPACE, '--selector', 'app=job-reaper-worker', '--tail=15', '--prefix'],
    ['logs', '--namespace', NAMESPACE, '--selector', 'app=job-reaper-probe', '--tail=15', '--prefix'],
  ]) {
    console.log(await cluster.kubectl(...words).catch(String));
  }
});

/** A copy of the manifests, in which every CHANGE-ME and address is replaced. */
async function fillIn(): Promise<string> {
  const folder = join(cluster.folder, 'k8s');
  await cp(pathOf('deploy/k8s'), folder, { recursive: true });
  const settings = await read('deploy/k8s/settings.yaml');
  const filled = settings
    .replaceAll('temporal-frontend.temporal.svc', NODE_ADDRESS)
    .replaceAll('postgres.default.svc', NODE_ADDRESS)
    .replaceAll(/(\w+):CHANGE-ME@/g, '$1:$1-password@');
  expect(filled).not.toMatch(/CHANGE-ME|\.svc/);
  await writeFile(join(folder, 'settings.yaml'), filled);
  return folder;
}

/** Postgres and Temporal, in the node's network. */
async function startServers(): Promise<void> {
  const server = (name: string, container: object) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: { hostNetwork: true, terminationGracePeriodSeconds: 0, containers: [{ name, ...container }] },
  });
  const env = [
    { name: 'POSTGRES_DB', value: 'other' },
    { name: 'POSTGRES_PASSWORD', value: 'postgres' },
  ];
  await eventually('the default account', () =>
    cluster.kubectl('get', 'serviceaccount', 'default', '--output=name'),
  );
  await cluster.apply([
    server('postgres', { image: 'postgres:17-bookworm', env: env.map((each) => ({ ...each })) }),
    server('temporal', {
      image: 'temporalio/temporal:1.5.1',
      args: ['server', 'start-dev', '--ip', '0.0.0.0', '--db-filename', '/tmp/temporal.db'],
    }),
  ]);
  await eventually(
    'Postgres answers',
    async () => {
      const admin = new pg.Client(`postgres://postgres:postgres@${NODE_ADDRESS}:5432/postgres`);
      await admin.connect();
      await admin.query(`create role owner login createrole password 'owner-password'`);
      await admin.query('create database jobs owner owner');
      await admin.end();
      return true;
    },
    PATIENCE_MS,
  );
}

async function insertJob(id: string, host: string, pid: number, stamp: string): Promise<void> {
  await pool.query(
    `insert into jobs (id, agent, repo, status, attempts, max_attempts, host, pid, process_identity, started_at)
     values ($1, 'developer', 'web', 'running', 1, 9, $2, $3, $4, reaper.now() - interval '1 second')`,
    [id, host, pid, stamp],
  );
}

async function statusOf(id: string): Promise<string | undefined> {
  return (await pool.query<{ status: string }>('select status from jobs where id = $1', [id])).rows[0]
    ?.status;
}

function untilRepaired(id: string): Promise<unknown> {
  return eventually(`job ${id} is queued again`, async () => (await statusOf(id)) === 'queued', PATIENCE_MS);
}

async function readManifests(file: string): Promise<Manifest[]> {
  return parseAllDocuments(await read(`deploy/k8s/${file}`)).map((each) => each.toJS() as Manifest);
}

/** A process in a container of a pod, stamped there. */
async function startIn(pod: string, container: string): Promise<{ pid: number; stamp: string }> {
  const inside = ['exec', pod, '--container', container, '--'];
  const pid = await kubectl(...inside, 'sh', '-c', 'sleep 3600 >/dev/null 2>&1 & echo $!');
  return { pid: Number(pid), stamp: await kubectl(...inside, 'job-reaper', 'identity', pid.trim()) };
}

/**
 * Keeps the number of a stamp's pid namespace from being given to another until the test is over. If the next pod gets it, the death of what ran in the
 * one before is proven.
 */
async function holdPidNamespace(stamp: string): Promise<void> {
  const number = /:(\d+):\d+$/.exec(stamp)?.[1];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const path = `/proc/${pid}/ns/pid`;
    if ((await readlink(path).catch(() => '')) !== `pid:[${number}]`) continue;
    const held = await open(path);
    onTestFinished(() => held.close());
    return;
  }
  throw new Error(`Expected a process in pid namespace ${number}, got none`);
}

it('profile "restricted" admits everything but the probe with hostPID', async () => {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await cluster.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'strict', labels } });
  await eventually('its account', () =>
    cluster.kubectl('--namespace', 'strict', 'get', 'serviceaccount', 'default', '--output=name'),
  );
  const admit = async (file: string) => {
    const [workload] = await readManifests(file);
    if (workload === undefined) throw new Error(`Expected a workload in ${file}, got none`);
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x', namespace: 'strict' },
      spec: workload.spec.template.spec,
    };
    return cluster.apply(pod, '--dry-run=server');
  };
  for (const file of ['migrate.yaml', 'worker.yaml', 'probe-sidecar.yaml']) {
    expect(await admit(file), file).toContain('created (server dry run)');
  }
  await expect(admit('probe-daemonset.yaml')).rejects.toThrow(/violates PodSecurity "restricted:latest"/);
});

it('kubectl apply -k: the migration completes, and with the logins workers and probe become ready', async () => {
  await eventually('the namespace', async () => apply());
  await kubectl('wait', '--for=condition=complete', 'job/job-reaper-migrate-0-1-0', '--timeout=300s');
  // As docs/deployment.md says.
  await pool.query(`create role job_reaper login password 'job_reaper-password' in role reaper`);
  await pool.query(
    `create role job_reaper_probe login password 'job_reaper_probe-password' in role reaper_probe`,
  );
  await rolledOut('deployment/job-reaper-worker');
  await rolledOut('daemonset/job-reaper-probe');
});

it('repairs the job of a killed process of the node, and leaves alone one that lives', async () => {
  const bystander = startProcess();
  await insertJob('alive', NODE, bystander.pid, bystander.processIdentity);
  const agent = startProcess();
  await insertJob('on-node', NODE, agent.pid, agent.processIdentity);
  await agent.kill();
  await untilRepaired('on-node');
  expect(await statusOf('alive')).toBe('running');
  expect(await explain('alive')).toContain('alive');
});

it('repairs again after a worker and the probe were deleted', async () => {
  await kubectl('delete', 'pod', '--selector', 'app=job-reaper-probe', '--wait=false');
  const pods = await kubectl('get', 'pods', '--selector', 'app=job-reaper-worker', '--output=name');
  await kubectl('delete', '--grace-period=0', '--force', pods.split('\n')[0] ?? '');
  const agent = startProcess();
  await insertJob('after-delete', NODE, agent.pid, agent.processIdentity);
  await agent.kill();
  await untilRepaired('after-delete');
});

it('is not ready without Temporal, is not restarted, and is ready again', async () => {
  await rolledOut('deployment/job-reaper-worker');
  const ready = () =>
    kubectl('get', 'deployment', 'job-reaper-worker', '--output', 'jsonpath={.status.readyReplicas}');
  const restarts = () =>
    kubectl(
      'get',
      'pods',
      '--selector',
      'app=job-reaper-worker',
      '--output',
      'jsonpath={.items[*].status.containerStatuses[0].restartCount}',
    );
  const before = await restarts();
  await execa('iptables', ['-I', 'INPUT', '-p', 'tcp', '--dport', '7233', '-j', 'DROP']);
  try {
    await eventually('no worker is ready', async () => (await ready()) === '', PATIENCE_MS);
  } finally {
    await execa('iptables', ['-D', 'INPUT', '-p', 'tcp', '--dport', '7233', '-j', 'DROP']);
  }
  await eventually('both are ready', async () => (await ready()) === '2', PATIENCE_MS);
  expect(await restarts()).toBe(before);
});

it('an ordinary pod: a death is proven without a capability, and life with SYS_PTRACE', async () => {
  await cluster.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'ordinary', namespace: NAMESPACE },
    spec: {
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      containers: [
        {
          name: 'launcher',
          image: `${IMAGE}:0.1.0`,
          command: ['tini', '-s', '--', 'sleep', 'infinity'],
          securityContext: { runAsUser: 2000 },
        },
      ],
    },
  });
  await kubectl('wait', '--for=condition=ready', 'pod/ordinary', '--timeout=300s');
  const lives = await startIn('ordinary', 'launcher');
  const dies = await startIn('ordinary', 'launcher');
  await insertJob('in-pod-lives', NODE, lives.pid, lives.stamp);
  await insertJob('in-pod-dies', NODE, dies.pid, dies.stamp);
  await eventually(
    'it is unknown',
    async () => (await explain('in-pod-lives')).includes('unknown'),
    PATIENCE_MS,
  );
  await kubectl('exec', 'ordinary', '--', 'sh', '-c', `kill -9 ${dies.pid}`);
  await untilRepaired('in-pod-dies');
  expect(await statusOf('in-pod-lives')).toBe('running');

  const documented = /to prove life\n([\s\S]*?)```/.exec(await read('docs/deployment.md'))?.[1] ?? '';
  const { securityContext } = parse(documented) as { securityContext: object };
  const patch = { spec: { template: { spec: { containers: [{ name: 'probe', securityContext }] } } } };
  await kubectl('patch', 'daemonset', 'job-reaper-probe', '--patch', JSON.stringify(patch));
  await rolledOut('daemonset/job-reaper-probe');
  await eventually(
    'it is proven alive',
    async () => /\balive\b/.test(await explain('in-pod-lives')),
    PATIENCE_MS,
  );
  await kubectl('exec', 'ordinary', '--', 'sh', '-c', `kill -9 ${lives.pid}`);
  await untilRepaired('in-pod-lives');
});

it('a sidecar repairs, and host-gone --replaced repairs what its pod left when it came back under its name', async () => {
  const documents = await readManifests('probe-sidecar.yaml');
  for (const { spec } of documents) {
    const launcher = spec.template.spec.containers.find(({ name }) => name === 'launcher');
    if (launcher === undefined) throw new Error('Expected a container called launcher, got none');
    launcher.image = `${IMAGE}:0.1.0`;
    launcher.command = ['tini', '-s', '--', 'sleep', 'infinity'];
  }
  await cluster.apply(documents);
  const isReady = () => rolledOut('statefulset/launcher');
  await isReady();
  const [dies, stays] = [await startIn('launcher-0', 'launcher'), await startIn('launcher-0', 'launcher')];
  await insertJob('beside-dies', 'launcher-0', dies.pid, dies.stamp);
  await insertJob('beside-stays', 'launcher-0', stays.pid, stays.stamp);
  await eventually(
    'it is proven alive',
    async () => /\balive\b/.test(await explain('beside-stays')),
    PATIENCE_MS,
  );
  await kubectl('exec', 'launcher-0', '--container', 'launcher', '--', 'sh', '-c', `kill -9 ${dies.pid}`);
  await untilRepaired('beside-dies');
  expect(await statusOf('beside-stays')).toBe('running');

  await holdPidNamespace(stays.stamp);
  const uid = () => kubectl('get', 'pod', 'launcher-0', '--output', 'jsonpath={.metadata.uid}');
  const before = await uid();
  await kubectl('delete', 'pod', 'launcher-0', '--grace-period=1');
  await eventually('it is back', async () => (await uid()) !== before, PATIENCE_MS);
  await isReady();
  await eventually(
    'its run is unknown',
    async () => (await explain('beside-stays')).includes('unknown'),
    PATIENCE_MS,
  );
  const fresh = await startIn('launcher-0', 'launcher');
  await insertJob('beside-fresh', 'launcher-0', fresh.pid, fresh.stamp);
  // It is refused as long as the old probe may still report.
  await eventually(
    'it is declared',
    () => reaper('host-gone', 'launcher-0', '--replaced', '--by', 'ada'),
    PATIENCE_MS,
  );
  await untilRepaired('beside-stays');
  expect(await statusOf('beside-fresh')).toBe('running');
});

it('an upgrade as documented: the migration first, under a name of its version, then workers and probe', async () => {
  const edit = async (file: string, from: string, to: string) => {
    const text = await readFile(join(manifests, file), 'utf8');
    expect(text).toContain(from);
    await writeFile(join(manifests, file), text.replaceAll(from, to));
  };
  await edit('kustomization.yaml', 'newTag: 0.1.0', 'newTag: 0.2.0');
  await edit('migrate.yaml', 'job-reaper-migrate-0-1-0', 'job-reaper-migrate-0-2-0');
  await apply('--selector', '!app');
  await kubectl('wait', '--for=condition=complete', 'job/job-reaper-migrate-0-2-0', '--timeout=300s');
  const image = 'jsonpath={.spec.template.spec.containers[0].image}';
  expect(await kubectl('get', 'deployment', 'job-reaper-worker', '--output', image)).toBe(`${IMAGE}:0.1.0`);
  await apply();
  await rolledOut('deployment/job-reaper-worker');
  await rolledOut('daemonset/job-reaper-probe');
  expect(await kubectl('get', 'deployment', 'job-reaper-worker', '--output', image)).toBe(`${IMAGE}:0.2.0`);
  const agent = startProcess();
  await insertJob('after-upgrade', NODE, agent.pid, agent.processIdentity);
  await agent.kill();
  await untilRepaired('after-upgrade');
});

it("another login takes a login's place, as documented", async () => {
  await pool.query(`create role job_reaper_2 login password 'another' in role reaper`);
  const file = join(manifests, 'settings.yaml');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace('job_reaper:job_reaper-password@', 'job_reaper_2:another@'));
  await apply();
  await kubectl('rollout', 'restart', 'deployment/job-reaper-worker', 'daemonset/job-reaper-probe');
  await rolledOut('deployment/job-reaper-worker');
  await rolledOut('daemonset/job-reaper-probe');
  await pool.query('drop role job_reaper');
  const agent = startProcess();
  await insertJob('after-login', NODE, agent.pid, agent.processIdentity);
  await agent.kill();
  await untilRepaired('after-login');
});

it('stays within the memory that its manifests allow, with 500 running jobs', async () => {
  const bystander = startProcess();
  await pool.query(
    `insert into jobs (id, agent, repo, status, attempts, max_attempts, host, pid, process_identity, started_at)
     select 'many-' || n, 'developer', 'web', 'running', 1, 9, $1, $2, $3, reaper.now() from generate_series(1, 500) n`,
    [NODE, bystander.pid, bystander.processIdentity],
  );
  const sweeps = async () => {
    const { rows } = await pool.query<{ n: string }>(
      `select summary ->> 'number' as n from reaper.last_sweep`,
    );
    return Number(rows[0]?.n);
  };
  const before = await sweeps();
  await eventually('five more sweeps', async () => (await sweeps()) >= before + 5, PATIENCE_MS);
  for (const [app, limitMi] of [
    ['job-reaper-worker', 512],
    ['job-reaper-probe', 384],
  ] as const) {
    const pods = await kubectl('get', 'pods', '--selector', `app=${app}`, '--output=name');
    const read = (script: string) => kubectl('exec', pods.split('\n')[0] ?? '', '--', 'sh', '-c', script);
    // The control group counts what its limit counts. A process also has pages that others read first.
    const inGroup = await read(
      'cd /sys/fs/cgroup; cat memory/memory.max_usage_in_bytes 2>/dev/null || cat memory.peak',
    );
    const groups = 'cd /sys/fs/cgroup; cat memory/cgroup.procs 2>/dev/null || cat cgroup.procs';
    const peaks = await read(
      // One of them may have ended meanwhile.
      `(${groups}) | while read -r pid; do sed -n 's/^VmHWM:\\s*\\([0-9]*\\).*/\\1/p' /proc/$pid/status 2>/dev/null || true; done`,
    );
    const groupMi = Number(inGroup) / 2 ** 20;
    const processMi = Math.max(...peaks.split('\n').map(Number)) / 2 ** 10;
    console.log(`${app}: at most ${groupMi.toFixed()} Mi, and its process ${processMi.toFixed()} Mi.`);
    expect(groupMi).toBeLessThan(limitMi);
    expect(processMi).toBeGreaterThan(0);
  }
});
