import { operate } from '../db/operate.js';
import { signalOf, type Operation } from '../domain/operation.js';
import { SIGNAL_LIMIT_MS } from '../temporal/limits.js';
import type { OperatorInput } from '../workflows/messages.js';
import { tryTemporal, type CliContext } from './context.js';
import { complain } from './output.js';

/**
 * Carries out an operator's request. First it writes to Postgres, because every claim obeys that from then on. Then it
 * signals the reaper, so that it acts immediately. Without Temporal, the request still takes effect.
 *
 * @returns false if there was nothing to release; then no signal is sent
 */
export async function carryOut(context: CliContext, operation: Operation): Promise<boolean> {
  if (!(await context.query((pool) => operate(pool, operation)))) return false;
  await signalReaper(context, operation);
  return true;
}

/** Tells the reaper of a request that is in Postgres. If it cannot be told, prints what follows from that. */
export async function signalReaper(context: CliContext, operation: Operation): Promise<void> {
  const signal = signalOf(operation);
  const input: OperatorInput = { ...operation, written: true };
  const signalled = await tryTemporal(context, SIGNAL_LIMIT_MS, (client) =>
    client.workflow.getHandle(context.names.reaper).signal(signal, input),
  );
  if (!signalled.answered) {
    complain(
      `The signal ${signal} could not be sent to workflow "${context.names.reaper}" (${signalled.why}). ` +
        'Your request is in Postgres, so every claim already obeys it. The reaper reads it at its next sweep.',
    );
  }
}
