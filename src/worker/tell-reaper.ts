import { Client } from '@temporalio/client';
import { SIGNAL_LIMIT_MS } from '../temporal/limits.js';
import { symptomsSignal } from '../workflows/messages.js';
import type { WorkerContext } from './context.js';
import { within } from './within.js';

/**
 * Tells the reaper that this host has symptoms.
 *
 * @throws if there is no connection to Temporal, no reaper, or no answer within 5 s
 */
export async function tellReaper(
  { link, target, dataConverter, names, settings }: WorkerContext,
  signal: AbortSignal,
): Promise<void> {
  if (link === null) throw new Error('Expected a connection to Temporal, got none');
  const { connection } = link;
  const { namespace } = target;
  const client = new Client({ connection, namespace, ...(dataConverter && { dataConverter }) });
  const host = settings.REAPER_HOST;
  const told = connection.withDeadline(Date.now() + SIGNAL_LIMIT_MS, () =>
    client.workflow.getHandle(names.reaper).signal(symptomsSignal, { host, queue: names.probeQueue(host) }),
  );
  await within(SIGNAL_LIMIT_MS, signal, told);
}
