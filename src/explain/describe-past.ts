import type { LedgerEntry } from '../db/ledger.js';
import type { WouldBeReap } from '../db/would-be-reaps.js';
import type { DeathCause } from '../domain/liveness.js';
import { formatTime } from '../domain/wording.js';

const ENDED: Readonly<Record<DeathCause, string>> = {
  process: 'its process alone (counts for REAPER_MAX_CRASHES)',
  reboot: "its machine's boot",
  'host-gone': 'its host, as an operator declared',
  'boot-gone': 'its boot, as an operator declared',
};

/** Describes a claim and its evidence. */
export function describeClaim(entry: LedgerEntry): string[] {
  const { outcome, reason, tier, claimedAt, runKey, error } = entry;
  const lines = [`${formatTime(claimedAt)} run ${runKey} -> ${outcome} (${reason}, tier ${tier})`];
  const { liveness, streak } = entry.evidence as { liveness?: { evidence?: unknown }; streak?: unknown };
  if (typeof liveness?.evidence === 'string') lines.push(`  seen: ${liveness.evidence}`);
  const { cause } = entry;
  if (cause !== null) lines.push(`  what ended: ${ENDED[cause]}`);
  if (typeof streak === 'number' && streak > 0) lines.push(`  in ${streak} consecutive observations`);
  if (entry.toStage !== null)
    lines.push(`  its task moved from ${entry.fromStage ?? 'no stage'} to ${entry.toStage}`);
  if (error !== null) lines.push(`  error: ${error}`);
  if (entry.owed) lines.push('  its notification has not been delivered yet');
  return lines;
}

/** Describes a would-be reap of the dry run. */
export function describeWouldBe({ observedAt, runKey, outcome, reason, tier, became }: WouldBeReap): string {
  const end =
    became === null ? 'still running' : `the run ${became === 'reaped' ? 'was reaped later' : became}`;
  return `${formatTime(observedAt)} run ${runKey} would have become ${outcome} (${reason}, tier ${tier}); ${end}`;
}
