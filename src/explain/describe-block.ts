import { formatTime } from '../domain/wording.js';
import type { RunningFacts } from './facts.js';

/** What prevents a claim, until when, and how to end it. Empty if nothing does. */
export function describeBlock({ block, holds }: Pick<RunningFacts, 'block' | 'holds'>): string[] {
  const lines: string[] = [];
  if (block !== null && !block.startsWith('held')) lines.push(`${block}; ${howItEnds(block)}`);
  for (const { kind, value, by, until, reason } of holds) {
    lines.push(
      `held: ${kind} ${value} by ${by} until ${formatTime(until)}: ${reason}; or until job-reaper release ${kind} ${value}`,
    );
  }
  return lines;
}

function howItEnds(block: string): string {
  if (block.startsWith('paused')) return 'until job-reaper resume';
  if (block.startsWith('observe')) return 'until job-reaper activate';
  return 'until the worker is started with REAPER_ENABLED=true';
}
