import { randomBytes } from 'node:crypto';
import { WorkflowNotFoundError, type Client } from '@temporalio/client';
import pg from 'pg';
import { migrate } from '../../src/db/migrate.js';
import { createDatabase, dropDatabase, startServers, type Servers } from '../../servers/index.js';
import { connectClient } from '../../src/temporal/connect.js';
import { readTemporalTarget } from '../../src/temporal/read-target.js';
import type { BenchContext } from './bench.js';
import { until } from './until.js';
import { startWorker, type WorkerProcess } from './worker.js';
import type { Database } from '../../src/db/database.js';

/** The host in the rows. */
export const BENCH_HOST = 'bench-host';

/** A new, migrated database and a unique REAPER_NAME on existing servers. */
export interface BenchEnvironment {
  /** Connected as the database's owner. One session, so its reads and writes are in order. */
  admin: Database;
  /** The same, for separate sessions. */
  adminUrl: string;
  /** The URL for the worker's role. */
  workerUrl: string;
  client: Client;
  /** REAPER_NAME. */
  reaperName: string;
  startWorker(settings: Record<string, string>): WorkerProcess;
  /** Waits for the end of `count` sweeps that start after this call. */
  sweeps(worker: WorkerProcess, count?: number): Promise<void>;
}

/** Uses the servers that the environment names, else starts embedded ones that end with the bench. */
export async function startBenchServers({ cleanup, log }: BenchContext): Promise<Servers> {
  const servers = await startServers({ log });
  cleanup.add(() => servers.stop());
  return servers;
}

/**
 * Creates an environment on the servers; the cleanup removes it completely.
 *
 * @param install creates the schema
 */
export async function createEnvironment(
  { postgres, temporal }: Servers,
  { cleanup, log }: BenchContext,
  install: (adminUrl: string) => Promise<unknown> = (adminUrl) => migrate(adminUrl, 'reference'),
): Promise<BenchEnvironment> {
  // Has a fixed length, so that it takes the same number of bytes in every history.
  const reaperName = `bench-${randomBytes(6).toString('hex')}`;
  const login = reaperName.replace('-', '_');
  const adminUrl = await createDatabase(postgres.adminUrl, login);
  // Not one of our pools: some statements, such as VACUUM, cannot run in a transaction.
  const admin = new pg.Pool({
    connectionString: adminUrl,
    application_name: 'job-reaper bench',
    max: 1,
    statement_timeout: 60_000,
    types: {
      getTypeParser: (id, format): unknown =>
        id === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(id, format),
    },
  });
  admin.on('error', (error) => log(`a connection of the bench's own: ${error.message}`));
  cleanup.add(async () => {
    await admin.end();
    await dropDatabase(postgres.adminUrl, login);
    await execute(postgres.adminUrl, `drop role if exists ${login}`);
  });
  await install(adminUrl);
  const password = randomBytes(18).toString('base64url');
  await admin.query(`create role ${login} login password '${password}' in role reaper`);

  const target = temporal.embedded
    ? { connectionOptions: { address: temporal.address }, namespace: temporal.namespace }
    : readTemporalTarget();
  const client = await connectClient(target);
  cleanup.add(async () => {
    await terminateWorkflows(client, reaperName);
    await client.connection.close();
  });

  const workerUrl = new URL(adminUrl);
  workerUrl.username = login;
  workerUrl.password = password;
  const env = {
    ...inheritedEnvironment(temporal.embedded),
    ...(temporal.embedded && { TEMPORAL_ADDRESS: temporal.address, TEMPORAL_NAMESPACE: temporal.namespace }),
    DATABASE_URL: workerUrl.href,
    REAPER_NAME: reaperName,
    REAPER_HOST: BENCH_HOST,
  };
  return {
    admin,
    adminUrl,
    workerUrl: workerUrl.href,
    client,
    reaperName,
    startWorker: (settings) => startWorker({ ...env, ...settings }, cleanup),
    async sweeps(worker, count = 1) {
      const before = await readSweepNumber(admin);
      // The current sweep may have started before this call.
      const wanted = before + count + 1;
      await until(`sweep no. ${wanted}`, async () => {
        worker.assertRunning();
        return (await readSweepNumber(admin)) >= wanted;
      });
    },
  };
}

async function readSweepNumber(admin: Database): Promise<number> {
  const { rows } = await admin.query<{ number: number }>(
    `select (summary ->> 'number')::integer as number from reaper.last_sweep`,
  );
  return rows[0]?.number ?? 0;
}

/** Drops settings of the user's shell that would change what is measured. Keeps those that say where Temporal is. */
function inheritedEnvironment(isEmbedded: boolean): NodeJS.ProcessEnv {
  const ours = /^(REAPER_|DATABASE_|MERGE_|LEASE_|TELEGRAM_|SELF_HOSTING_|PG[A-Z])/;
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !ours.test(name) && !(isEmbedded && name.startsWith('TEMPORAL_')),
    ),
  );
}

async function terminateWorkflows(client: Client, reaperName: string): Promise<void> {
  // The reaper first, because it would start watches again.
  const ids = [reaperName];
  const query = `WorkflowId STARTS_WITH '${reaperName}/' AND ExecutionStatus = 'Running'`;
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  for (const id of ids) {
    await client.workflow
      .getHandle(id)
      .terminate('the bench is over')
      .catch((error: unknown) => {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      });
  }
}

async function execute(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'job-reaper bench' });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
