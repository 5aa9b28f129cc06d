import type { Client } from '@temporalio/client';
import { readSettings, required, type Settings } from '../config.js';
import { createPool } from '../db/pool.js';
import type { ExplainContext } from '../explain/context.js';
import { Names } from '../naming.js';
import { explainDatabaseError } from './database-error.js';
import { describeTemporalError } from '../temporal/explain-error.js';

/** Temporal's answer, or why there is none. */
export type Answer<T> = { answered: true; value: T } | { answered: false; why: string };

/**
 * What a command works with. Connections are opened on first use: `query` throws a CliError that says what is wrong and what to do
 * next, and connecting to Temporal takes up to 5 s more than its limit.
 */
export interface CliContext extends ExplainContext {
  settings: Settings;
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
