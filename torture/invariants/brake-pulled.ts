import { isAlive } from '../../demo/world/kill-process.js';
import type { Facts } from '../facts/facts.js';
import type { Life } from '../facts/life-facts.js';
import type { LedgerRow } from '../facts/queue-facts.js';
import { uncoveredMs } from '../facts/spans.js';
import type { Invariant } from './invariant.js';
import { waitLimitS } from './repaired.js';

/**
 * Judged by the agents' own proof of life. This does not need a fault of the reaper: an operator who is mistaken about a host causes
 * a wrong verdict.
 */
export const brakePulled: Invariant = {
  name: 'it notices when it was wrong',
  promise:
    'a stamped run that is still alive after it was reaped as dead is found by its probe within 3 intervals, the grace and two minutes, and from then on nothing is claimed until an operator activates the reaper; no other run is ever taken for one',
  *check(facts) {
    const { queue, lives, brake } = facts;
    const found = new Set(brake.survivors.map(({ ledgerId }) => ledgerId));
    const limitS = waitLimitS(facts.terms);
    for (const row of queue.ledger.filter(({ tier }) => tier === 1)) {
      const life = lives.lives.get(row.runId);
      if (found.has(row.id) || life === undefined || !isStampOf(row, life)) continue;
      const livedOnS = livedOnForS(facts, row, life);
      if (livedOnS < limitS) continue;
      yield {
        what: `job ${row.jobId} was reaped (${row.reason}), its agent lived on for over ${limitS} s, and no probe told`,
        evidence: { row, life, livedOnS },
      };
    }
    for (const survivor of brake.survivors) {
      const row = queue.ledger.find(({ id }) => id === survivor.ledgerId);
      const life = row && lives.lives.get(row.runId);
      if (row && life && (life.lastMs > row.atMs || isAlive(life))) continue;
      yield {
        what: `the claim of job ${row?.jobId ?? 'unknown'} was called wrong, and its process was dead`,
        evidence: { survivor, row, life },
      };
    }
    for (const { ledgerId, atMs } of brake.survivors) {
      const isStopped = [...brake.pulls, ...brake.dryRuns].some(
        ({ fromMs, untilMs }) => fromMs <= atMs + 1_000 && atMs <= untilMs,
      );
      if (!isStopped)
        yield { what: `claim ${ledgerId} was called wrong, and reaping went on`, evidence: brake };
    }
    for (const pull of brake.pulls) {
      const row = queue.ledger.find(({ atMs }) => pull.fromMs < atMs && atMs < pull.untilMs);
      if (row === undefined) continue;
      yield { what: `job ${row.jobId} was reaped after the brake had been pulled`, evidence: { pull, row } };
    }
  },
};

/** Whether the claim was about the agent's own process: a row can name another one. */
function isStampOf(row: LedgerRow, life: Life): boolean {
  return row.processIdentity !== null && row.processIdentity === life.processIdentity;
}

/** Seconds in which it was alive after the claim and a probe could have seen that. */
function livedOnForS({ presence }: Facts, row: LedgerRow, life: Life): number {
  const span = { fromMs: row.atMs, untilMs: isAlive(life) ? Date.now() : life.lastMs };
  if (span.untilMs <= span.fromMs) return 0;
  return uncoveredMs(span, presence.away(['Postgres', 'the adapter', `probe of ${row.host ?? ''}`])) / 1000;
}
