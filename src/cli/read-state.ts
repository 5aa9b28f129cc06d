import type { Client } from '@temporalio/client';
import type { Queryable } from '../db/database.js';
import { readControl, type Control } from '../db/control.js';
import { listHolds, type Hold } from '../db/holds.js';
import { readLastSweep } from '../db/last-sweep.js';
import { readStatus } from '../db/status.js';
import type { Status } from '../domain/status.js';
import { statusQuery, toSweepSummary, type SweepSummary } from '../workflows/messages.js';
import { tryTemporal, type CliContext } from './context.js';

/** Milliseconds that Temporal has to answer a query. */
const QUERY_LIMIT_MS = 5_000;

/** The last sweep, from the reaper if it answers, else from Postgres. */
export interface LastSweep {
  /** Seconds ago, by the database's clock. */
  ageS: number;
  summary: SweepSummary;
}

/** Everything that `status` shows. */
export interface State {
  status: Status;
  control: Control;
  holds: Hold[];
  lastSweep: LastSweep | null;
  /** Null if Temporal answered; else why everything is from Postgres alone. */
  temporalError: string | null;
}

/** Reads the state from Postgres, and the last sweep from the reaper, if it answers. */
export async function readState(context: CliContext): Promise<State> {
  const askReaper = (client: Client) => client.workflow.getHandle(context.names.reaper).query(statusQuery);
  const asked = tryTemporal(context, QUERY_LIMIT_MS, askReaper);
  const [status, control, holds, recorded] = await context.query((pool) =>
    Promise.all([readStatus(pool), readControl(pool), listHolds(pool), readRecordedSweep(pool)]),
  );
  const answer = await asked;
  const remembered = answer.answered ? answer.value.lastSweep : null;
  return {
    status,
    control,
    holds,
    lastSweep: remembered
      ? { ageS: (Date.parse(control.now) - remembered.atMs) / 1000, summary: toSweepSummary(remembered) }
      : recorded,
    temporalError: answer.answered ? null : answer.why,
  };
}

/** The last sweep as recorded in Postgres. Which hosts answered is recorded separately, with the time of their answer. */
export async function readRecordedSweep(pool: Queryable): Promise<LastSweep | null> {
  const recorded = await readLastSweep(pool);
  if (recorded === null) return null;
  return { ageS: recorded.ageS, summary: toSweepSummary(recorded.summary) };
}
