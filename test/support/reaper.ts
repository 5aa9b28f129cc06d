import { randomBytes } from 'node:crypto';
import { Client, type WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { inject } from 'vitest';
import { createGateActivities, type GateActivities } from '../../src/activities/gates.js';
import { createJobActivities, type JobActivities } from '../../src/activities/jobs.js';
import type { LeaseActivities } from '../../src/activities/leases.js';
import { createNotifyActivities, type NotifyActivities } from '../../src/activities/notify.js';
import { createProbeActivities, type ProbeActivities } from '../../src/activities/probe.js';
import { createPool } from '../../src/db/pool.js';
import { publishPolicy } from '../../src/db/policy.js';
import { Pipeline } from '../../src/domain/pipeline.js';
import { DEFAULT_POLICY, type Policy, type RunRef } from '../../src/domain/types.js';
import { createGates } from '../../src/gates/index.js';
import { ProcessMetrics } from '../../src/metrics/process-metrics.js';
import { Names } from '../../src/naming.js';
import type { Channel } from '../../src/notify/channels.js';
import type { watchJob } from '../../src/workflows/index.js';
import { jobReaper } from '../../src/workflows/index.js';
import { sweepNowUpdate, type SweepSummary } from '../../src/workflows/messages.js';
import type { ReaperInput } from '../../src/workflows/reaper-state.js';
import type { TestDatabase } from './database.js';
import { KeptLog, quietRuntime } from './quiet.js';
import { terminateAll } from './terminate-all.js';

/** Options of {@link startReaper}. */
export interface TestReaperOptions {
  policy?: Partial<Policy>;
  /** The hosts whose probes run in this process. */
  hosts?: string[];
  /** Injects a fault between the workflow and an activity. */
  jobs?: (
    real: JobActivities,
  ) => Partial<JobActivities & GateActivities & NotifyActivities & LeaseActivities>;
  probes?: (real: ProbeActivities) => Partial<ProbeActivities>;
  pipeline?: Pipeline;
  /** The notification channels. @default none */
  channels?: Channel[];
  input?: ReaperInput;
  /** REAPER_NAME. @default a unique one */
  name?: string;
  /** The identity of workers and client in histories. @default pid and host name */
  identity?: string;
  /** The bundled workflows. @default bundled from this source */
  bundlePath?: string;
}

/** A reaper with workers in this process, on the test run's real servers. */
export interface TestReaper {
  client: Client;
  names: Names;
  log: KeptLog;
  handle: WorkflowHandleWithFirstExecutionRunId<typeof jobReaper>;
  sweepNow: () => Promise<SweepSummary>;
  watch: (ref: RunRef) => ReturnType<typeof getWatch>;
  /** Ids of the watches that are open now, as the server lists the reaper's children. */
  openWatches: () => Promise<string[]>;
  /** What this process has counted, by metric and labels. */
  counted: (metric: string, labels: Record<string, string>) => Promise<number>;
  startReaperWorkflow: () => Promise<void>;
  /** Stops the workers and starts new ones with other bundled workflows, like a deployment. */
  deploy: (bundlePath: string) => Promise<void>;
  stop: () => Promise<void>;
}

const getWatch = (client: Client, id: string) => client.workflow.getHandle<typeof watchJob>(id);

/** An interval of 0.3 s, so that streaks take little time. */
export const FAST: Partial<Policy> = { intervalS: 0.3, finalizeGraceS: 2 };

export async function startReaper(db: TestDatabase, options: TestReaperOptions = {}): Promise<TestReaper> {
  quietRuntime();
  const { policy, hosts = ['host-1'], pipeline = new Pipeline([]), channels = [], input = {} } = options;
  const { name = `test-${randomBytes(6).toString('hex')}`, bundlePath = inject('bundlePath') } = options;
  const identity = options.identity === undefined ? {} : { identity: options.identity };
  const connection = await NativeConnection.connect({ address: inject('temporalAddress') });
  const client = new Client({ connection, ...identity });
  const names = new Names(name);
  const log = new KeptLog();
  await publishPolicy(db.reaper, { ...DEFAULT_POLICY, ...FAST, ...policy }, 'test');

  const metrics = new ProcessMetrics();
  const batches = createPool(db.reaperUrl, {
    applicationName: 'test batches',
    statementTimeoutMs: 2_000,
    max: 2,
  });
  const jobs = createJobActivities({ pool: db.reaper, batches, names, log, metrics });
  const gates = createGates({});
  // Longer than the slowest activity of a test: an activity that outlives its worker's shutdown keeps the worker in use.
  const base = { connection, ...identity, shutdownGraceTime: 100, shutdownForceTime: 5_000 };
  let workers: Worker[] = [];
  let running: Promise<void>[] = [];
  const endWorkers = async () => {
    for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
    await Promise.all(running);
  };
  const deploy = async (codePath: string) => {
    await endWorkers();
    const activities = {
      ...jobs,
      ...createGateActivities({ pipeline, gates }),
      ...createNotifyActivities({ pool: db.reaper, log, channels }),
      ...options.jobs?.(jobs),
    };
    workers = [
      await Worker.create({
        ...base,
        taskQueue: names.workflowQueue,
        workflowBundle: { codePath },
        activities,
      }),
      await Worker.create({ ...base, taskQueue: names.gateQueue, activities }),
    ];
    for (const host of hosts) {
      const probes = createProbeActivities({ pool: db.probe, names, host, sharedPidNamespace: true });
      workers.push(
        await Worker.create({
          ...base,
          taskQueue: names.probeQueue(host),
          activities: { ...probes, ...options.probes?.(probes) },
        }),
      );
    }
    running = workers.map((worker) => worker.run());
  };
  await deploy(bundlePath);

  const start = () =>
    client.workflow.start(jobReaper, {
      workflowId: names.reaper,
      taskQueue: names.workflowQueue,
      args: [input],
    });
  const handle = await start();
  const openWatches = async () => {
    const { raw } = await client.workflow.getHandle(names.reaper).describe();
    return (raw.pendingChildren ?? []).map(({ workflowId }) => workflowId ?? '').sort();
  };
  return {
    client,
    names,
    log,
    handle,
    openWatches,
    deploy,
    sweepNow: () => client.workflow.getHandle(names.reaper).executeUpdate(sweepNowUpdate),
    watch: (ref) => getWatch(client, names.watchId(ref)),
    counted: async (metric, labels) => {
      const found = await metrics.registry.getSingleMetric(metric)?.get();
      const isMeant = (sample: { labels: Partial<Record<string, string | number>> }) =>
        Object.entries(labels).every(([label, value]) => sample.labels[label] === value);
      return found?.values.find(isMeant)?.value ?? 0;
    },
    startReaperWorkflow: async () => {
      await start();
    },
    stop: async () => {
      await terminateAll(client, names.reaper);
      await endWorkers();
      await Promise.all([gates.close(), batches.end()]);
      await connection.close();
    },
  };
}
