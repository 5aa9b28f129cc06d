import type { Database } from './database.js';
import { createPool, type Pool } from './pool.js';

/**
 * The connections of one worker, by what they are for: what can wait for others' locks, or comes in crowds, has its own and holds
 * nobody else up. See ARCHITECTURE.md, "Bounded resources".
 */
export interface Pools {
  /** Sweeps, operators' wishes, the settings, and whether Postgres answers. */
  control: Pool;
  /** Fresh looks of watches, of which there can be many at once. */
  looks: Pool;
  /** Claims, which wait for others' locks. */
  claims: Pool;
  /** The rows of this host, for its probe. */
  probe: Pool;
  /** Notifications, leases, metrics, and who it is that a claim waits for. */
  others: Pool;
}

/** Connections at most. Idle ones are closed after ten seconds. */
const MAX = { control: 3, looks: 4, claims: 4, probe: 2, others: 3 } as const satisfies Record<
  keyof Pools,
  number
>;

/** Makes the pools of one worker. Nothing is connected before it is used. */
export function createPools(databaseUrl: string, applicationName: string): Pools {
  const make = (purpose: keyof Pools) =>
    createPool(databaseUrl, { applicationName: `${applicationName} ${purpose}`, max: MAX[purpose] });
  return {
    control: make('control'),
    looks: make('looks'),
    claims: make('claims'),
    probe: make('probe'),
    others: make('others'),
  };
}

/** Closes all of them, also those that do not answer. */
export async function endPools(pools: Pools): Promise<void> {
  await Promise.all(Object.values(pools as unknown as Record<string, Database>).map((pool) => pool.end()));
}

/** The statements under way on any of them, in words. */
export function pendingOn(pools: Pools): string[] {
  return Object.values(pools as unknown as Record<string, Pool>).flatMap((pool) => pool.pending);
}
