import type { Database } from './database.js';
import { createPool, type Pool } from './pool.js';

/**
 * The connections of one worker, by purpose. Work that can wait for locks, or that comes in bursts, has its own connections and delays
 * nothing else. See ARCHITECTURE.md, "Bounded resources".
 */
export interface Pools {
  /** Sweeps, operators' requests, the settings, and checks that Postgres answers. */
  control: Pool;
  /** Looks of watches, of which there can be many at once. */
  looks: Pool;
  /** Claims, which may wait for locks. */
  claims: Pool;
  /** Claims of many runs in one transaction, by host watches: no more than these, so that a pause waits for two at most. */
  batches: Pool;
  /** The rows of this host, for its probe. */
  probe: Pool;
  /** Notifications, leases, metrics, and finding out who holds the lock that a claim waits for. */
  others: Pool;
}

/** Maximum of connections. Idle ones are closed after ten seconds. */
const MAX = { control: 3, looks: 4, claims: 4, batches: 2, probe: 2, others: 3 } as const satisfies Record<
  keyof Pools,
  number
>;

/** Milliseconds for one statement of a batch, less than elsewhere: it holds the lock that a pause waits for. */
const BATCH_STATEMENT_MS = 2_000;

/** Makes the pools of one worker. They connect on first use. */
export function createPools(databaseUrl: string, applicationName: string): Pools {
  const make = (purpose: keyof Pools) =>
    createPool(databaseUrl, {
      applicationName: `${applicationName} ${purpose}`,
      max: MAX[purpose],
      ...(purpose === 'batches' && { statementTimeoutMs: BATCH_STATEMENT_MS }),
    });
  return {
    control: make('control'),
    looks: make('looks'),
    claims: make('claims'),
    batches: make('batches'),
    probe: make('probe'),
    others: make('others'),
  };
}

/** Closes all of them, even those that do not answer. */
export async function endPools(pools: Pools): Promise<void> {
  await Promise.all(Object.values(pools as unknown as Record<string, Database>).map((pool) => pool.end()));
}

/** The statements in progress on any of them, in words. */
export function pendingOn(pools: Pools): string[] {
  return Object.values(pools as unknown as Record<string, Pool>).flatMap((pool) => pool.pending);
}
