import { patched } from '@temporalio/workflow';
import type { RunObservation } from '../activities/jobs.js';
import { declaredGone, declaredPlaceGone } from '../domain/declaration.js';
import type { Liveness } from '../domain/liveness.js';
import { judgeBefore } from '../domain/policy-before.js';
import { judge, type JudgeContext, type Judgement } from '../domain/policy.js';
import type { JobRun, Observation, RunRef } from '../domain/types.js';
import { isSilence } from './activity-failures.js';
import { observeRun, probeRun } from './activity-proxies.js';

/** A fresh look at a run: its row, and its process as its own host's probe sees it now. */
export interface Look {
  facts: RunObservation;
  /** Null if the run is over or blocked: then no probe was asked. */
  seen: { run: JobRun; liveness: Liveness } | null;
}

/** Looks at a run. The dry run looks like the real one; whatever else is blocked is left alone. */
export async function lookAt(ref: RunRef): Promise<Look> {
  const facts = await observeRun(ref);
  const { run, block } = facts;
  if (run === null || (block !== null && !block.startsWith('observe'))) return { facts, seen: null };
  return { facts, seen: { run, liveness: await probe(run, facts) } };
}

/**
 * The policy's verdict on one look. Histories of versions that needed only one look over the ceiling continue as they began. The marker
 * that tells them apart is written only if it makes a difference.
 */
export function judgeLook(observation: Observation, context: JudgeContext): Judgement {
  const judgement = judge(observation, context);
  const before = judgeBefore(observation, context);
  const isSame = JSON.stringify(judgement) === JSON.stringify(before);
  return isSame || patched('one-look-proves-nothing') ? judgement : before;
}

/** The process as its host's probe sees it. What an operator declared counts only if no probe knows. */
async function probe(run: JobRun, facts: RunObservation): Promise<Liveness> {
  const seen = await ask(run, facts);
  if (seen.state !== 'unknown' || !facts.placeGone) return seen;
  return declaredPlaceGone(facts.placeGone);
}

async function ask(run: JobRun, { probeQueue, hostGoneBy }: RunObservation): Promise<Liveness> {
  if (probeQueue === null || run.host === null) return unknown('the run names no host that can be asked');
  try {
    return await probeRun(probeQueue, hostGoneBy !== null, run.host, {
      pid: run.pid,
      processIdentity: run.processIdentity,
    });
  } catch (error) {
    // A probe that fails exists: an operator's declaration counts only if nobody polls the host's queue.
    if (hostGoneBy === null || (!isSilence(error) && patched('a-probe-that-fails-is-there'))) {
      return unknown(`the probe on host ${run.host} did not answer`);
    }
    return declaredGone(hostGoneBy);
  }
}

function unknown(evidence: string): Liveness {
  return { state: 'unknown', proven: false, evidence };
}
