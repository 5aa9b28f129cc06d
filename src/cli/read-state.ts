import type { Client } from '@temporalio/client';
import { readControl, type Control } from '../db/control.js';
import { listHolds, type Hold } from '../db/holds.js';
import { readStatus } from '../db/status.js';
import type { Status } from '../domain/status.js';
import { statusQuery, toSweepSummary } from '../workflows/messages.js';
import { readRecordedSweep, type LastSweep } from '../explain/last-sweep.js';
import { tryTemporal, type CliContext } from './context.js';

/** Milliseconds that Temporal has to answer a query. */
const QUERY_LIMIT_MS = 5_000;

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
