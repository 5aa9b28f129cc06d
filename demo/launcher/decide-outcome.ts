import type { Advance } from '../../src/domain/exit-zero.js';
import type { Pipeline } from '../../src/domain/pipeline.js';
import type { Gates } from '../../src/gates/index.js';
import type { TakenRun } from './taken-run.js';

/** How a run ended, and what becomes of its job. */
export type Outcome =
  | { status: 'done'; advance: Advance | null }
  /** `queued`: another attempt. */
  | { status: 'queued' | 'failed'; error: string };

/** The same pipeline and the same gates that the reaper asks: both must come to the same result. */
export interface DecideOptions {
  pipeline: Pipeline;
  gates: Gates;
}

/**
 * Decides what becomes of a job whose agent has exited. An agent's word is not enough: exit 0 counts as done only when
 * the gate of its stage finds the work.
 */
export async function decideOutcome(
  run: TakenRun,
  exitCode: number,
  { pipeline, gates }: DecideOptions,
): Promise<Outcome> {
  if (exitCode !== 0) return tryAgain(run, `exit=${exitCode}`);
  const stage = run.stage === null ? undefined : pipeline.get(run.stage);
  if (stage?.agent !== run.agent) return { status: 'done', advance: null };
  if (run.branch === null) return tryAgain(run, 'exit=0, but the task has no branch');
  if (stage.gate !== null) {
    const input = { job: run.jobId, stage: stage.name, repo: run.repo, branch: run.branch };
    const { green, reason } = await gates.check(
      stage.gate,
      { ...input, work_item: run.workItem },
      new AbortController().signal,
    );
    if (!green) return tryAgain(run, `exit=0, but the gate is red: ${reason}`);
  }
  if (stage.next === null) return { status: 'done', advance: null };
  const nextAgent = pipeline.get(stage.next)?.agent ?? null;
  return { status: 'done', advance: { fromStage: stage.name, toStage: stage.next, nextAgent } };
}

function tryAgain({ attempt, maxAttempts }: TakenRun, error: string): Outcome {
  return { status: attempt < maxAttempts ? 'queued' : 'failed', error };
}
