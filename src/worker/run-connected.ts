import { Client } from '@temporalio/client';
import { NativeConnection, type Worker } from '@temporalio/worker';
import { messageOf } from '../domain/trouble.js';
import { SearchAttributesError } from '../temporal/search-attributes.js';
import type { WorkerContext } from './context.js';
import { createWorkers, endUnrun } from './create-workers.js';
import { ensureReaper } from './ensure-reaper.js';
import { announceLeases } from './leases.js';
import type { Reachability } from './reachability.js';
import type { Waits } from './stopping.js';
import { pause } from '../pause.js';
import { within } from './within.js';

/** Milliseconds between two checks that the reaper runs and the servers answer. */
const ENSURE_MS = 10_000;
const RETRY_MS = 1_000;
/** Time limit for one answer of Temporal, and for connecting with everything that belongs to it. Milliseconds. */
const ANSWER_MS = 10_000;
/** Time limit for registering search attributes, in milliseconds. */
const MAX_REGISTERING_MS = 70_000;
/** Time limit for closing the connection, in milliseconds. */
const CLOSE_MS = 2_000;

const NEVER = new AbortController().signal;

/**
 * Connects to Temporal and works until the connection is lost for good, or the worker is to stop.
 *
 * @throws SearchAttributesError
 */
export async function runConnected(context: WorkerContext): Promise<void> {
  const { signal, temporal, target, pulse, waits, log } = context;
  pulse.beat();
  const { connectionOptions, namespace } = target;
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  let connection: NativeConnection | undefined;
  let making: Promise<Worker[]> | undefined;
  try {
    connection = await waits.during(
      'a connection to Temporal',
      within(ANSWER_MS, signal, NativeConnection.connect(connectionOptions), (late) => late.close()),
    );
    const ensure = ensuring(context, connection, namespace, either);
    await ensure();
    temporal.back();
    // Not abandoned at a stop: a worker that was created has to run to its end, or it keeps the connection and the process.
    making = createWorkers(context, connection, namespace);
    const workers = await waits.during('the workers', within(ANSWER_MS, NEVER, making));
    context.link = { connection, workers };
    const watching = watchServers(context, ensure, either);
    // Each runs to its end, whatever becomes of the others: they use the connection until then.
    const ends = await Promise.allSettled(
      workers.map((worker) =>
        waits.during(`the worker of queue ${worker.options.taskQueue}`, runUntil(worker, either, ended)),
      ),
    );
    ended.abort();
    await waits.during('the last check of the servers', watching);
    const failed = ends.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
    if (failed) throw failed.reason;
  } catch (error) {
    if (error instanceof SearchAttributesError) throw error;
    if (signal.aborted) log.warn(`stopped before everything had ended: ${messageOf(error)}`);
    else temporal.away(error);
    await pause(RETRY_MS, signal);
  } finally {
    context.link = null;
    if (connection) await close(connection, making, waits);
  }
}

/** A connection that stays silent is left behind: nothing that it could still say matters. */
async function close(
  connection: NativeConnection,
  making: Promise<Worker[]> | undefined,
  waits: Waits,
): Promise<void> {
  const free = async () => {
    // Workers that were created too late hold the connection like those that run.
    await making?.then(endUnrun, () => undefined);
    await connection.close();
  };
  const closed = within(CLOSE_MS, NEVER, free());
  await waits.during('the connection to Temporal to close', closed).catch(() => undefined);
}

/** When one of the workers ends, the others end too. Unless this is a stop, all are then created again. */
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
  signal: AbortSignal,
) {
  const searchAttributes = settings.REAPER_SEARCH_ATTRIBUTES;
  const client = new Client({ connection, namespace, ...(dataConverter && { dataConverter }) });
  return async () => {
    const ensured = connection.withDeadline(Date.now() + ANSWER_MS, () =>
      ensureReaper({ client, names, searchAttributes }),
    );
    // Registering search attributes takes up to a minute, once.
    const started = await within(MAX_REGISTERING_MS, signal, ensured);
    if (started) log.info(`the reaper workflow "${names.reaper}" was started`);
  };
}

/** Checks every few seconds that the reaper runs and both servers answer. Never throws. */
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
