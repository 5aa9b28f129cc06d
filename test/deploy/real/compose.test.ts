import { execa } from 'execa';
import { afterAll, afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { timeLeftMs } from '../../../scripts/deploy-check/deadline.js';
import { endProcesses, startProcess } from '../../support/process.js';
import { eventually } from '../../support/wait.js';
import { expectNamespace } from '../expect-namespace.js';
import { impatientAlerts, untilFiring, untilResolved } from './support/alerts.js';
import { Compose, docker, insertJob, METRICS, untilRepaired } from './support/compose.js';
import { skippingWhatIsLate } from './support/in-time.js';
import { startPrometheus, type Prometheus } from './support/prometheus.js';

// The unchanged docker-compose.yml, in this order.

/** Only what every change has to pass. */
const isQuick = process.env['DEPLOY_CHECK_QUICK'] === 'true';
const { failed: hasNoPrometheus } = await execa('prometheus', ['--version'], { reject: false });

const inTime = skippingWhatIsLate();

const TEMPORAL = '127.0.0.1:7233';

const compose = new Compose();
const bystander = startProcess();
let repaired = 0;

afterAll(async () => {
  await endProcesses();
  if (timeLeftMs() > 0) await compose.run('down', '--volumes', '--remove-orphans');
  else await compose.removeAtOnce();
});

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  console.log(await compose.run('ps', '--all'));
  console.log(await compose.run('logs', '--no-color', '--tail=40'));
});

/** Kills a job's process, and waits for its repair. The one that lives is left alone. */
async function expectRepair(): Promise<void> {
  repaired += 1;
  const agent = startProcess();
  const id = `killed-${repaired}`;
  await insertJob(compose, { id, pid: agent.pid });
  await agent.kill();
  await untilRepaired(compose, id);
  const [row] = await compose.query<{ status: string }>(`select status from jobs where id = 'alive'`);
  expect(row?.status).toBe('running');
}

async function prometheusOf(targets: string[]): Promise<Prometheus> {
  const prometheus = await startPrometheus(targets, await impatientAlerts());
  onTestFinished(() => prometheus.stop());
  return prometheus;
}

/** A second worker of the same image that only probes, for another host. Returns where it listens. */
async function startProbe(): Promise<string> {
  const name = `${compose.project}-probe`;
  const env = ['--env', 'REAPER_HOST=another'];
  const flags = ['--detach', '--no-deps', '--name', name, ...env];
  await compose.run('run', ...flags, 'worker', 'worker', '--no-workflows');
  onTestFinished(async () => {
    await docker('rm', '--force', name);
  });
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  return `${await docker('inspect', '--format', format, name)}:9464`;
}

async function countLedger(): Promise<number> {
  const [row] = await compose.query<{ count: string }>('select count(*) from reaper.ledger');
  return Number(row?.count);
}

it(
  'comes up from nothing, healthy',
  inTime(async () => {
    await compose.run('down', '--volumes', '--remove-orphans');
    await compose.run('up', '--build', '--detach');
    await compose.untilHealthy('worker');
    expect(await compose.inspect('worker', '{{.State.Health.Status}}')).toBe('healthy');
    for (const service of ['namespace', 'search-attributes', 'migrate', 'login']) {
      expect(await compose.inspect(service, '{{.State.Status}} {{.State.ExitCode}}'), service).toBe(
        'exited 0',
      );
    }
    await expectNamespace(TEMPORAL);
  }),
);

describe("the worker's container", () => {
  it(
    'has a read-only root, no capabilities, no way to more rights, user 1000 and an init',
    inTime(async () => {
      expect(await compose.inspect('worker', '{{.HostConfig.ReadonlyRootfs}}')).toBe('true');
      const program = `
      const { readFileSync, writeFileSync } = require('fs');
      const lines = readFileSync('/proc/self/status', 'utf8').split('\\n');
      const rights = lines.filter((line) => /^(Uid|Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs):/.test(line));
      let root = 'writable';
      try { writeFileSync('/app/x', ''); } catch (error) { root = error.code; }
      writeFileSync('/tmp/x', '');
      console.log(JSON.stringify({ rights: rights.map((line) => line.split(/\\s+/).slice(0, 2).join(' ')), root }));`;
      expect(JSON.parse(await compose.run('exec', '-T', 'worker', 'node', '-e', program))).toEqual({
        rights: [
          'Uid: 1000',
          'CapPrm: 0000000000000000',
          'CapEff: 0000000000000000',
          'CapBnd: 0000000000000000',
          'CapAmb: 0000000000000000',
          'NoNewPrivs: 1',
        ],
        root: 'EROFS',
      });
      expect(await compose.inspect('worker', '{{.Path}} {{index .Args 0}}')).toBe('/usr/bin/tini -s');
    }),
  );

  it(
    'answers to job-reaper status, health, identity and explain',
    inTime(async () => {
      await insertJob(compose, { id: 'alive', pid: bystander.pid });
      expect(await compose.reaper('status')).toContain('active: dead runs are reaped');
      expect(await compose.reaper('health')).toMatch(/^temporal: answers\npostgres: answers\n/);
      // The same pid namespace and machine id: the same stamp as here.
      expect(await compose.reaper('identity', String(bystander.pid))).toBe(bystander.processIdentity);
      await eventually('explain proves it alive', async () =>
        (await compose.reaper('explain', 'alive')).includes('alive'),
      );
    }),
  );
});

it('repairs the job of a killed process, and leaves alone one that lives', inTime(expectRepair));

it(
  'repairs again after a crash of worker',
  inTime(async () => {
    await compose.crash('worker');
    await expectRepair();
  }),
);

it.skipIf(isQuick).each(['temporal', 'postgres'])('repairs again after a crash of %s', async (service) => {
  await compose.crash(service);
  await expectRepair();
});

it.skipIf(isQuick).each(['worker', 'temporal', 'postgres'])(
  'repairs again after a stop of %s',
  async (service) => {
    const agent = startProcess();
    const id = `died-without-${service}`;
    await insertJob(compose, { id, pid: agent.pid });
    await compose.run('stop', service);
    await agent.kill();
    await compose.run('up', '--wait', '--detach');
    await untilRepaired(compose, id);
  },
);

describe.skipIf(hasNoPrometheus)("in a real Prometheus (needs Debian's package prometheus)", () => {
  it(
    'JobReaperSweepsOverdue fires without Temporal, and is resolved when it is back',
    inTime(async () => {
      const prometheus = await prometheusOf([METRICS]);
      await compose.run('stop', 'temporal');
      await untilFiring(prometheus, 'JobReaperSweepsOverdue', 'JobReaperNoWorkflowWorker');
      await untilFiring(prometheus, 'JobReaperUnreachable', 'JobReaperNoWorkflowWorker');
      // Not --wait, which gives up on the worker at once: it has become unhealthy meanwhile.
      await compose.run('up', '--detach');
      await compose.untilHealthy('worker');
      await untilResolved(prometheus, 'JobReaperSweepsOverdue');
      await untilResolved(prometheus, 'JobReaperUnreachable');
      await expectRepair();
    }),
  );

  it(
    'JobReaperNoWorkflowWorker fires if only a probe is scraped, and is resolved by a worker',
    inTime(async () => {
      const probe = await startProbe();
      const prometheus = await prometheusOf([METRICS, probe]);
      await eventually('both are scraped', async () => (await prometheus.count('job_reaper_info')) === 2);
      await compose.run('stop', 'worker');
      await untilFiring(prometheus, 'JobReaperNoWorkflowWorker', 'JobReaperAbsent');
      await compose.run('up', '--wait', '--detach');
      await untilResolved(prometheus, 'JobReaperNoWorkflowWorker');
      await expectRepair();
    }),
  );
});

it.skipIf(isQuick)('keeps the ledger over a down and an up, and repairs again', async () => {
  const before = await countLedger();
  expect(before).toBeGreaterThan(0);
  await compose.run('down');
  await compose.run('up', '--wait', '--detach');
  expect(await countLedger()).toBe(before);
  await expectRepair();
});

it(
  "survives the loss of Temporal's state: the ledger is kept, the namespace set anew, and repairs go on",
  inTime(async () => {
    const before = await countLedger();
    const first = await compose.container('temporal');
    await compose.run('rm', '--stop', '--force', 'temporal');
    await docker('volume', 'rm', `${compose.project}_temporal`);
    await compose.run('up', '--wait', '--detach');
    expect(await compose.container('temporal')).not.toBe(first);
    await expectNamespace(TEMPORAL);
    expect(await countLedger()).toBe(before);
    await expectRepair();
  }),
);

it(
  'is gone after down -v',
  inTime(async () => {
    await compose.run('down', '--volumes');
    const label = `label=com.docker.compose.project=${compose.project}`;
    for (const kind of ['container', 'volume', 'network']) {
      const all = kind === 'container' ? ['--all'] : [];
      expect(await docker(kind, 'ls', ...all, '--quiet', '--filter', label), kind).toBe('');
    }
  }),
);
