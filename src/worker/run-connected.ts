import { Client } from '@temporalio/client';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { SearchAttributesError } from '../temporal/search-attributes.js';
import type { WorkerContext } from './context.js';
import { createWorkers } from './create-workers.js';
import { ensureReaper } from './ensure-reaper.js';
import { announceLeases } from './leases.js';
import { pause } from './pause.js';
import type { Reachability } from './reachability.js';

/** Milliseconds between two looks at whether the reaper runs and the servers answer. */
const ENSURE_MS = 10_000;
const RETRY_MS = 1_000;

/**
 * Works from connecting to Temporal until the connection is lost for good, or the worker is to end.
 *
 * @throws SearchAttributesError
 */
export async function runConnected(context: WorkerContext): Promise<void> {
  const { signal, temporal, target, pulse } = context;
  pulse.beat();
  const { connectionOptions, namespace } = target;
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  let connection: NativeConnection | undefined;
  try {
    connection = await NativeConnection.connect(connectionOptions);
    const ensure = ensuring(context, connection, namespace);
    await ensure();
    temporal.back();
    const workers = await createWorkers(context, connection, namespace);
    context.link = { connection, workers };
    const watching = watchServers(context, ensure, either);
    try {
      await Promise.all(workers.map((worker) => runUntil(worker, either, ended)));
    } finally {
      ended.abort();
      await watching;
    }
  } catch (error) {
    if (error instanceof SearchAttributesError) throw error;
    temporal.away(error);
    await pause(RETRY_MS, signal);
  } finally {
    context.link = null;
    await connection?.close();
  }
}

/** When one of the workers ends, the others end too, and all are made anew unless that was the wish. */
async function runUntil(worker: Worker, signal: AbortSignal, ended: AbortController): Promise<void> {
  const stop = () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    const running = worker.run();
    if (signal.aborted) stop();
    await running;
  } finally {
    signal.removeEventListener('abort', stop);
    ended.abort();
  }
}

function ensuring(
  { names, settings, log, dataConverter }: WorkerContext,
  connection: NativeConnection,
  namespace: string,
) {
  const searchAttributes = settings.REAPER_SEARCH_ATTRIBUTES;
  const client = new Client({ connection, namespace, ...(dataConverter && { dataConverter }) });
  return async () => {
    const started = await ensureReaper({ client, names, searchAttributes });
    if (started) log.info(`the reaper workflow "${names.reaper}" was started`);
  };
}

/** Looks every few seconds whether the reaper runs and both servers answer. Never throws. */
async function watchServers(
  context: WorkerContext,
  ensure: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const { pool, leases, temporal, postgres, pulse } = context;
  const askPostgres = () => (leases ? announceLeases(context) : pool.query('select 1'));
  for (;;) {
    await pause(ENSURE_MS, signal);
    pulse.beat();
    if (signal.aborted) return;
    await Promise.all([look(temporal, ensure), look(postgres, askPostgres)]);
  }
}

async function look(server: Reachability, check: () => Promise<unknown>): Promise<void> {
  try {
    await check();
    server.back();
  } catch (error) {
    server.away(error);
  }
}
