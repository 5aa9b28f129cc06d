import type { Client } from '@temporalio/client';
import type { Database } from '../db/database.js';
import { readSettings, required, type Settings } from '../config.js';
import { createPool } from '../db/pool.js';
import { Names } from '../naming.js';
import { explainDatabaseError } from './database-error.js';
import { describeTemporalError } from '../temporal/explain-error.js';

/** Temporal's answer, or why there is none. */
export type Answer<T> = { answered: true; value: T } | { answered: false; why: string };

/** What a command works with. Connections are opened on first use. */
export interface CliContext {
  settings: Settings;
  names: Names;
  /**
   * Queries Postgres.
   *
   * @throws CliError that says what is wrong and what to do next
   */
  query: <T>(work: (pool: Database) => Promise<T>) => Promise<T>;
  /**
   * Calls Temporal.
   *
   * @param limitMs how many milliseconds to wait for an answer; connecting takes up to 5 s more
   * @throws what `work` throws, and when Temporal does not answer
   */
  temporal: <T>(limitMs: number, work: (client: Client) => Promise<T>) => Promise<T>;
}

/** Runs a command's work and closes its connections, so that the process can exit. */
export async function withContext<T>(work: (context: CliContext) => Promise<T>): Promise<T> {
  const settings = readSettings();
  const url = required(settings, 'DATABASE_URL');
  const pool = createPool(url, { applicationName: 'job-reaper cli', max: 4 });
  let client: Promise<Client> | undefined;
  try {
    return await work({
      settings,
      names: new Names(settings.REAPER_NAME),
      async query(ask) {
        try {
          return await ask(pool);
        } catch (error) {
          throw explainDatabaseError(error, url, 'DATABASE_URL');
        }
      },
      async temporal(limitMs, ask) {
        const connected = await (client ??= connect(settings));
        return connected.connection.withDeadline(Date.now() + limitMs, () => ask(connected));
      },
    });
  } finally {
    await pool.end();
    // A failure to connect was reported where the connection was used.
    await client?.then(({ connection }) => connection.close()).catch(() => undefined);
  }
}

/** Asks Temporal for something that a command does not strictly need. */
export async function tryTemporal<T>(
  context: CliContext,
  limitMs: number,
  work: (client: Client) => Promise<T>,
): Promise<Answer<T>> {
  try {
    return { answered: true, value: await context.temporal(limitMs, work) };
  } catch (error) {
    return { answered: false, why: describeTemporalError(error, limitMs) };
  }
}

/** Loaded on demand: it would take half of each command's start-up time. */
async function connect({ REAPER_PAYLOAD_CODEC }: Settings): Promise<Client> {
  const { connectClient } = await import('../temporal/connect.js');
  const { readTemporalTarget } = await import('../temporal/read-target.js');
  const { loadDataConverter } = await import('../temporal/data-converter.js');
  return connectClient(readTemporalTarget(), await loadDataConverter(REAPER_PAYLOAD_CODEC));
}
