import { isAlive } from '../../demo/world/kill-process.js';
import type { Terms } from './facts.js';
import type { LifeFacts } from './life-facts.js';
import type { Run } from './queue-facts.js';
import type { Span } from './spans.js';

/** The facts that show whether a run is dead. */
export interface DeathFacts {
  lives: LifeFacts;
  terms: Terms;
}

/** Whether its agent is alive. */
export function isAtWork({ lives }: Pick<DeathFacts, 'lives'>, { runId }: Run): boolean {
  const life = lives.lives.get(runId);
  return life !== undefined && isAlive(life);
}

/**
 * From the moment at which a run could be known to be dead until it ended, or until now; null while it is alive. Without a pid, only
 * the ceiling shows it.
 */
export function deadSpan(facts: DeathFacts, run: Run): Span | null {
  const { lives, terms } = facts;
  const lastMs = lives.lives.get(run.runId)?.lastMs ?? run.startedMs;
  const isNameless = run.pid === null && run.exit === null;
  const fromMs = Math.max(lastMs, isNameless ? run.startedMs + terms.ceilingS * 1000 : run.startedMs);
  const endMs = run.ends[0]?.atMs;
  if (endMs === undefined && isAtWork(facts, run)) return null;
  const untilMs = endMs ?? Date.now();
  return untilMs > fromMs ? { fromMs, untilMs } : null;
}
