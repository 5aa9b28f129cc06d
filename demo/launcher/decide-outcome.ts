import { planExitZero, type Advance } from '../../src/domain/exit-zero.js';
import type { Pipeline } from '../../src/domain/pipeline.js';
import type { Gates } from '../../src/gates/index.js';
import type { TakenRun } from './taken-run.js';

/** How a run ended, and what happens to its job. */
export type Outcome =
  | { status: 'done'; advance: Advance | null }
  /** `queued`: another attempt. */
  | { status: 'queued' | 'failed'; error: string };

/** The same pipeline and gates as the reaper's: both must come to the same result. */
export interface DecideOptions {
  pipeline: Pipeline;
  gates: Gates;
}

/**
 * Decides what happens to a job whose agent has exited. The exit code is not enough: exit 0 counts as done only if the
 * gate of its stage finds the work.
 *
 * @throws GateNotAsked when the gate cannot be asked now: the exit code is recorded, so job-reaper asks it again
 */
export async function decideOutcome(
  run: TakenRun,
  exitCode: number,
  { pipeline, gates }: DecideOptions,
): Promise<Outcome> {
  if (exitCode !== 0) return tryAgain(run, `exit=${exitCode}`);
  // The jobs of this queue do not record their own stage.
  const plan = planExitZero({ ...run, jobStage: null }, pipeline, true);
  if (plan.kind === 'done') return { status: 'done', advance: null };
  if (plan.kind === 'red') return tryAgain(run, `exit=0, but ${plan.why}`);
  const { stage, branch, advance } = plan;
  if (stage.gate !== null) {
    const input = { job: run.jobId, stage: stage.name, repo: run.repo, branch, workItem: run.workItem };
    const { green, reason } = await gates.check(stage.gate, input, new AbortController().signal);
    if (!green) return tryAgain(run, `exit=0, but the gate is red: ${reason}`);
  }
  return { status: 'done', advance };
}

function tryAgain({ attempt, maxAttempts }: TakenRun, error: string): Outcome {
  return { status: attempt < maxAttempts ? 'queued' : 'failed', error };
}
