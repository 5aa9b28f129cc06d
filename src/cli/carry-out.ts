import type { OperatorInput } from '../workflows/messages.js';
import type { Operation } from '../domain/operation.js';
import { operate } from '../db/operate.js';
import { tryTemporal, type CliContext } from './context.js';

/** Milliseconds that Temporal gets to take a signal. */
const SIGNAL_LIMIT_MS = 5_000;

/**
 * Carries out an operator's wish: Postgres first, since what is written there binds every claim from then on; then the
 * reaper is told, so that it acts at once. Without Temporal the wish holds all the same.
 *
 * @returns false where there was nothing to release; then nobody is told
 */
export async function carryOut(context: CliContext, operation: Operation): Promise<boolean> {
  if (!(await context.query((pool) => operate(pool, operation)))) return false;
  const signal =
    operation.action === 'host-gone' || operation.action === 'boot-gone' ? 'forceSweep' : operation.action;
  const input: OperatorInput = { ...operation, written: true };
  const told = await tryTemporal(context, SIGNAL_LIMIT_MS, (client) =>
    client.workflow.getHandle(context.names.reaper).signal(signal, input),
  );
  if (!told.answered) {
    console.error(
      `The signal ${signal} could not be sent to workflow "${context.names.reaper}" (${told.why}). ` +
        'It is written in Postgres, which every claim obeys; the reaper acts on it at its next sweep.',
    );
  }
  return true;
}
