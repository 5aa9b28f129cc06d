import type { Liveness } from '../domain/liveness.js';
import type { RunRef } from '../domain/types.js';
import { lookUpdate } from '../workflows/messages.js';
import type { ExplainContext } from './context.js';

/** Milliseconds that the reaper has to ask the host; it takes 5 s at most. */
const ANSWER_LIMIT_MS = 6_000;

/**
 * Asks the run's own host, through the reaper, what it sees of the process now. Null if there is no answer, for example because no
 * probe is up there or the reaper is of a version that cannot ask. Never throws.
 */
export async function askHost(context: ExplainContext, { jobId, runKey }: RunRef): Promise<Liveness | null> {
  try {
    const sighting = await context.temporal(ANSWER_LIMIT_MS, (client) =>
      client.workflow
        .getHandle(context.names.reaper)
        .executeUpdate(lookUpdate, { args: [{ job_id: jobId }] }),
    );
    return sighting.runKey === runKey ? sighting.seen : null;
  } catch {
    return null;
  }
}
