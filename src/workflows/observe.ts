import type { RunObservation } from '../activities/jobs.js';
import type { Liveness } from '../domain/liveness.js';
import type { JobRun, RunRef } from '../domain/types.js';
import { observeRun, probeRun } from './activity-proxies.js';

/** A fresh look at a run: its row, and its process as its own host's probe sees it now. */
export interface Look {
  facts: RunObservation;
  /** Null when the run is over or blocked: then nobody was asked. */
  seen: { run: JobRun; liveness: Liveness } | null;
}

/** Looks at a run. A dry run is looked at like any other; what else is blocked is left alone. */
export async function lookAt(ref: RunRef): Promise<Look> {
  const facts = await observeRun(ref);
  const { run, block } = facts;
  if (run === null || (block !== null && !block.startsWith('observe'))) return { facts, seen: null };
  return { facts, seen: { run, liveness: await probe(run, facts) } };
}

async function probe(run: JobRun, { probeQueue, hostGoneBy }: RunObservation): Promise<Liveness> {
  if (probeQueue === null || run.host === null) return unknown('the run names no host that can be asked');
  try {
    return await probeRun(probeQueue, hostGoneBy !== null, run.host, {
      pid: run.pid,
      processIdentity: run.processIdentity,
    });
  } catch {
    // Nobody polls the host's queue, or its probe failed: an operator's word counts only now.
    if (hostGoneBy === null) return unknown(`the probe on host ${run.host} did not answer`);
    return { state: 'dead', proven: false, evidence: `host declared gone by ${hostGoneBy}` };
  }
}

function unknown(evidence: string): Liveness {
  return { state: 'unknown', proven: false, evidence };
}
