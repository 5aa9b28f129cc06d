import { reasonOf, type ServerLog } from '../src/servers/progress.js';
import { startPostgres, type PostgresOptions, type PostgresServer } from './postgres.js';
import { startTemporal, type TemporalOptions, type TemporalServer } from './temporal.js';

export { createDatabase, dropDatabase } from './databases.js';
export { startPostgres, type PostgresOptions, type PostgresServer } from './postgres.js';
export { freePort } from '../src/servers/free-port.js';
export type { ServerLog } from '../src/servers/progress.js';
export type { ServerExit } from '../src/servers/server-process.js';
export { findTemporalCli, type CliStep, type FindCliOptions } from '../src/servers/temporal-cli.js';
export { dropTemporalState } from './temporal-server/state.js';
export { startTemporal, temporalKind, type TemporalOptions, type TemporalServer } from './temporal.js';

/** Options of {@link startServers}. */
export interface ServersOptions {
  /** Gets a line when something takes long. */
  readonly log: ServerLog;
  readonly postgres?: Omit<PostgresOptions, 'log'> | undefined;
  readonly temporal?: Omit<TemporalOptions, 'log'> | undefined;
}

/** Both servers that job-reaper needs. */
export interface Servers {
  readonly postgres: PostgresServer;
  readonly temporal: TemporalServer;
  /** Stops the servers that we started. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts both servers at once: see {@link startPostgres} and {@link startTemporal}.
 *
 * @throws when one of them cannot be started; the other is stopped in that case
 */
export async function startServers({ log, ...options }: ServersOptions): Promise<Servers> {
  // Logged immediately, because the other one may take minutes to start.
  const logged = (error: unknown) => {
    log(reasonOf(error));
    throw error;
  };
  const [postgres, temporal] = await Promise.allSettled([
    startPostgres({ log, ...options.postgres }).catch(logged),
    startTemporal({ log, ...options.temporal }).catch(logged),
  ]);
  if (postgres.status === 'rejected' || temporal.status === 'rejected') {
    const started = [postgres, temporal].filter((result) => result.status === 'fulfilled');
    await Promise.all(started.map(({ value }) => value.stop()));
    const reasons = [postgres, temporal].filter((result) => result.status === 'rejected');
    throw reasons.length === 1
      ? (reasons[0]?.reason as Error)
      : new AggregateError(
          reasons.map(({ reason }) => reason as Error),
          reasons.map(({ reason }) => (reason as Error).message).join('\n'),
        );
  }
  const stop = async () => {
    await Promise.all([postgres.value.stop(), temporal.value.stop()]);
  };
  return { postgres: postgres.value, temporal: temporal.value, stop };
}
