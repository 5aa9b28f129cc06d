import { getExternalWorkflowHandle, log, ParentClosePolicy, startChild } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError, type SearchAttributePair } from '@temporalio/common';
import type { WatchTarget } from '../activities/sweeps.js';
import { pokeSignal, type Poke } from './messages.js';
import type { OpenWatch, Reaper } from './reaper-state.js';
import { REAPER_HOST, REAPER_JOB, toKeyword } from './search-attributes.js';
import { watchJob } from './watch-job.js';

/** Characters of a host that is kept: all open watches are carried over. */
const MAX_HOST = 100;

/** Starts the watch of a run. False if it was already there, or could not be started: then the next sweep retries. */
export async function startWatch(
  reaper: Reaper,
  target: WatchTarget & Omit<OpenWatch, 'watchId' | 'jobId' | 'host'>,
  poke: Poke | null,
  searchAttributes: boolean,
): Promise<boolean> {
  const { jobId, runKey, watchId, host, isRetry = false, isDead = false, needsGate, exitRecord } = target;
  // Before it exists, so that starts in flight count towards the limit.
  reaper.watches.set(watchId, {
    watchId,
    jobId,
    ...((host ?? '').length <= MAX_HOST && { host: host ?? '' }),
    ...(isRetry && { isRetry }),
    ...(isDead && { isDead }),
    ...(needsGate === true && { needsGate }),
    ...(typeof exitRecord === 'string' && { exitRecord }),
  });
  try {
    const child = await startChild(watchJob, {
      workflowId: watchId,
      args: [{ jobId, runKey, poke }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Watch of job ${jobId.slice(0, 100)}`,
      staticDetails: `Looks after run \`${runKey}\` of job \`${jobId}\` until it ends or is reaped.`,
      ...(searchAttributes && { typedSearchAttributes: searchAttributesOf(target) }),
    });
    const forget = () => reaper.forget(watchId);
    void child.result().then(forget, forget);
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) {
      // Started by a reaper that was terminated: from now on it is ours. Its wait may have been decided by an older policy.
      reaper.orphans.add(watchId);
      await pokeWatch(reaper, target, poke ?? { why: 'look', park: true });
    } else {
      reaper.forget(watchId);
      log.warn(`the watch of job ${jobId} could not be started`, { error });
    }
    return false;
  }
}

/** Pokes an open watch. False if it is no longer there. */
export async function pokeWatch(
  reaper: Reaper,
  { watchId }: Pick<OpenWatch, 'watchId'>,
  poke: Poke,
): Promise<boolean> {
  try {
    await getExternalWorkflowHandle(watchId).signal(pokeSignal, poke);
    return true;
  } catch {
    reaper.forget(watchId);
    return false;
  }
}

function searchAttributesOf({ jobId, host }: WatchTarget): SearchAttributePair[] {
  const attributes: SearchAttributePair[] = [{ key: REAPER_JOB, value: toKeyword(jobId) }];
  if (host !== null) attributes.push({ key: REAPER_HOST, value: toKeyword(host) });
  return attributes;
}
