import type { Verdict } from '../domain/types.js';
import { isOverdue } from '../domain/overdue.js';
import { formatTime } from '../domain/wording.js';
import type { ExplainFacts, RunningFacts } from './facts.js';

/** The answer in one sentence: why the job was reaped, or why not. */
export function headlineOf(facts: ExplainFacts, verdict: Verdict | null): string {
  const { jobId, running, ledger } = facts;
  if (running !== null) return `Job ${jobId} is running and ${whyNotReaped(facts, running, verdict)}.`;
  const [last] = ledger;
  if (last) {
    return `Job ${jobId} is not running: it was reaped at ${formatTime(last.claimedAt)} -> ${last.outcome} (${last.reason}).`;
  }
  return (
    `Job ${jobId} is unknown: it is not marked running, and it was never reaped. ` +
    'It is queued, ended by itself, or does not exist.'
  );
}

function whyNotReaped(facts: ExplainFacts, running: RunningFacts, verdict: Verdict | null): string {
  if (running.unwatchable !== null) {
    return `will never be reaped, because ${running.unwatchable}: fix the row`;
  }
  const { probe, block, trouble } = running;
  if (verdict?.kind === 'alert') {
    return verdict.about === 'alive'
      ? 'not reaped, because it is proven alive, although it is over its ceiling'
      : 'not reaped, because it may or may not be alive, although it is over its ceiling';
  }
  if (verdict?.kind === 'healthy' && 'liveness' in probe && probe.liveness.state === 'alive') {
    return 'not reaped, because it is alive';
  }
  if (block !== null) return `not reaped yet, because it is ${block}`;
  if (trouble !== null) {
    const what = trouble.kind === 'locked' ? 'it cannot be claimed' : 'its claim fails';
    return `not reaped yet, because ${what}: ${trouble.why}`;
  }
  const stalled = whyStalled(facts, running);
  switch (verdict?.kind) {
    case 'reap':
      return stalled ?? "due to be reaped at its watch's next observation";
    case 'defer':
      return stalled ?? `not reaped yet, because ${WAITS_FOR[verdict.why]}`;
    default:
      return whyUnproven(facts, running);
  }
}

/** Why a run whose process cannot be checked from here is not reaped. */
function whyUnproven({ control }: ExplainFacts, { probe, watch }: RunningFacts): string {
  if (watch.kind === 'open' && watch.state.streak > 0) {
    return `not reaped yet, because its watch has counted only ${watch.state.streak} of ${control.policy.deadTicks} dead observations`;
  }
  const where = probe.kind === 'elsewhere' ? `; only a probe on host ${probe.host} can check it` : '';
  return `not reaped, because nothing proves its process dead${where}`;
}

const WAITS_FOR = {
  dead: 'one dead observation is not enough',
  defunct: 'its parent may still collect its exit',
  finalizing: 'its monitor may still finalize it',
  unknown: 'one inconclusive observation is not enough',
};

/** Why nothing acts on a run that is due, or null. */
function whyStalled({ control, lastSweep }: ExplainFacts, { watch }: RunningFacts): string | null {
  if (watch.kind === 'unreachable') return 'Temporal does not answer, and without it nothing is reaped';
  if (isOverdue(lastSweep, control.policy.intervalS) || watch.kind === 'silent') {
    return 'not reaped yet, because no worker seems to be running: start job-reaper worker';
  }
  return null;
}
