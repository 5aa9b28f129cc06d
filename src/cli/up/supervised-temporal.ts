import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Logger } from '../../log.js';
import { startDevServer, type DevServer } from '../../servers/dev-server.js';
import type { ServerExit } from '../../servers/server-process.js';
import { messageOf } from '../errors.js';

/** Milliseconds until a server that died is restarted; doubled while it keeps dying. */
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;
/** Milliseconds of uptime after which the wait starts again from the shortest. */
const STEADY_MS = 60_000;

/** Options of {@link superviseTemporal}. */
export interface SupervisedTemporalOptions {
  /** The folder for the server's database and output; created if missing. */
  folder: string;
  port: number;
  uiPort: number;
  namespace: string;
  log: Logger;
}

/** A Temporal dev server that is restarted whenever it dies. */
export interface SupervisedTemporal {
  address: string;
  uiUrl: string;
  /** Stops it permanently; its database is kept. */
  stop(): Promise<void>;
}

/**
 * Starts a Temporal dev server for one machine. It keeps its state, and is restarted on the same ports after a crash.
 *
 * @throws when no Temporal CLI can be found, or the first start fails
 */
export async function superviseTemporal(options: SupervisedTemporalOptions): Promise<SupervisedTemporal> {
  const first = await start(options);
  const stopping = new AbortController();
  const supervising = supervise(first, options, stopping.signal);
  return {
    address: first.address,
    uiUrl: first.uiUrl,
    async stop() {
      stopping.abort();
      await supervising;
    },
  };
}

async function start({
  folder,
  port,
  uiPort,
  namespace,
  log,
}: SupervisedTemporalOptions): Promise<DevServer> {
  return startDevServer({
    log: (line) => log.info(line),
    dbFile: join(folder, 'temporal.sqlite'),
    logFile: join(folder, 'temporal.log'),
    port,
    uiPort,
    namespace,
  });
}

/** Supervises until the signal, then stops the server and returns. */
async function supervise(
  first: DevServer,
  options: SupervisedTemporalOptions,
  signal: AbortSignal,
): Promise<void> {
  const { log } = options;
  const stopped = new Promise<null>((resolve) => {
    signal.addEventListener('abort', () => resolve(null), { once: true });
  });
  const isStopping = () => signal.aborted;
  let server: DevServer | null = first;
  let waitMs = FIRST_WAIT_MS;
  for (;;) {
    const startedMs = performance.now();
    const exit: ServerExit | null = server && (await Promise.race([server.exited, stopped]));
    await server?.stop();
    if (isStopping()) return;
    if (exit !== null) {
      if (performance.now() - startedMs > STEADY_MS) waitMs = FIRST_WAIT_MS;
      const how = exit.signal ?? `exit code ${exit.code ?? 'unknown'}`;
      log.warn(`the Temporal dev server died (${how}), restarting it in ${waitMs / 1000} s`);
    }
    await Promise.race([setTimeout(waitMs, undefined, { ref: false }), stopped]);
    if (isStopping()) return;
    waitMs = Math.min(2 * waitMs, MAX_WAIT_MS);
    server = await restart(options, waitMs);
  }
}

/** Null if the start failed: then it is retried. */
async function restart(options: SupervisedTemporalOptions, nextWaitMs: number): Promise<DevServer | null> {
  try {
    const server = await start(options);
    options.log.info(`the Temporal dev server is back at ${server.address}`);
    return server;
  } catch (error) {
    const log = join(options.folder, 'temporal.log');
    options.log.warn(
      `the Temporal dev server could not be started, retrying in ${nextWaitMs / 1000} s; its output is in ${log}: ${messageOf(error)}`,
    );
    return null;
  }
}
