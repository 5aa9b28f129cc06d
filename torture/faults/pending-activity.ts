import { REAPER_NAME } from '../world/create-services.js';
import type { World } from '../world/world.js';
import type { Victim } from './victims.js';

/** An activity that a workflow waits for. */
export interface PendingActivity {
  attempt: number;
  /** The service that has it in hand, or had it last; null when none of ours. */
  by: string | null;
}

/** The activity of this name that a workflow waits for now, or null. */
export async function pendingActivity(
  world: World,
  workflowId: string,
  name: string,
): Promise<PendingActivity | null> {
  const { raw } = await world.ask((client) => client.workflow.getHandle(workflowId).describe());
  const found = raw.pendingActivities?.find(({ activityType }) => activityType?.name === name);
  if (!found) return null;
  const by = world.workers.find(({ service }) => found.lastWorkerIdentity?.endsWith(` pid ${service.pid}`));
  return { attempt: found.attempt ?? 1, by: by?.service.name ?? null };
}

/** The id of the watch over a run, or null while the database has not told of the run. */
export function watchIdOf({ facts }: World, { jobId, runId }: Victim): string | null {
  const runKey = facts.queue.runs.get(runId)?.runKey ?? null;
  return runKey === null ? null : `${REAPER_NAME}/watch/${jobId}/${runKey}`;
}
