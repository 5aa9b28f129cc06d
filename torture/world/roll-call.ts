import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import pg from 'pg';
import type { Part, PresenceFacts } from '../facts/presence-facts.js';
import { HOSTS, type Services, type Tapped } from './create-services.js';

const EVERY_MS = 250;
/** Milliseconds after which a server that does not answer counts as away. */
const ANSWER_MS = 1_500;

/** What is checked. */
export interface RollCallOptions {
  presence: PresenceFacts;
  services: Pick<Services, 'workers' | 'probes'>;
  databaseUrl: string;
  client: Client;
}

/** Checks constantly what is up, directly and not by the ways that faults break. Returns a function to stop it. */
export function callTheRoll({
  presence,
  services,
  databaseUrl,
  client,
}: RollCallOptions): () => Promise<void> {
  const stop = new AbortController();
  const repeat = async (ask: () => Promise<[Part, boolean][]>) => {
    while (!stop.signal.aborted) {
      const askedMs = Date.now();
      for (const [part, isThere] of await ask()) presence.saw(part, isThere, askedMs);
      await setTimeout(EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'roll call',
    max: 1,
    connectionTimeoutMillis: ANSWER_MS,
    query_timeout: ANSWER_MS,
  });
  pool.on('error', () => undefined);
  const calls = [
    repeat(async () => [['Postgres', await answers(() => pool.query('select 1'))]]),
    repeat(async () => [['Temporal', await answers(() => askTemporal(client))]]),
    repeat(() => {
      const isAnyWorkerUp = services.workers.some(isUp);
      return Promise.resolve([
        ['workers', isAnyWorkerUp],
        [`probe of ${HOSTS.north}`, isAnyWorkerUp],
        [`probe of ${HOSTS.south}`, services.probes.some(isUp)],
      ]);
    }),
  ];
  return async () => {
    stop.abort();
    await Promise.all(calls);
    await pool.end();
  };
}

async function answers(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch {
    return false;
  }
}

function askTemporal({ connection }: Client): Promise<unknown> {
  return connection.withDeadline(Date.now() + ANSWER_MS, () => connection.workflowService.getSystemInfo({}));
}

/** Whether its process runs and is not stopped. */
function isUp({ service }: Tapped): boolean {
  try {
    const stat = readFileSync(`/proc/${service.pid}/stat`, 'utf8');
    return !'TZX'.includes(stat.slice(stat.lastIndexOf(')') + 2)[0] ?? 'X');
  } catch {
    return false;
  }
}
