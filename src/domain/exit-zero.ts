import type { Pipeline, Stage } from './pipeline.js';
import type { JobRun } from './types.js';

/** Where a task moves when its gate is green. */
export interface Advance {
  fromStage: string;
  toStage: string;
  nextAgent: string | null;
}

/** What to do about a run whose agent exited with 0, before any gate is asked. */
export type ExitZeroPlan =
  | { kind: 'done'; reason: 'exit0, no stage' | 'exit0, already advanced' }
  | { kind: 'red'; why: string }
  | { kind: 'ask-gate'; stage: Stage; branch: string; advance: Advance | null };

/** The facts of a run that decide. Any launcher knows them too. */
export type ExitZeroRun = Pick<JobRun, 'agent' | 'stage' | 'jobStage' | 'branch'>;

/**
 * Decides what remains to be done for a run whose agent exited with 0 and whose monitor never finalized it.
 *
 * The agent may have finished any stage it works on, but a job that records its own stage finished only that one. If the
 * task is no longer in such a stage, it has already been advanced. A job without an agent works on the stages without one.
 */
export function planExitZero(run: ExitZeroRun, pipeline: Pipeline, hasStages: boolean): ExitZeroPlan {
  if (!hasStages) return { kind: 'done', reason: 'exit0, no stage' };

  const stage = run.stage === null ? undefined : pipeline.get(run.stage);
  if (stage === undefined || !isCandidate(stage, run, pipeline)) {
    return { kind: 'done', reason: 'exit0, already advanced' };
  }
  if (run.branch === null || run.branch === '') return { kind: 'red', why: 'the task has no branch' };
  return { kind: 'ask-gate', stage, branch: run.branch, advance: advanceFrom(stage, pipeline) };
}

function isCandidate(stage: Stage, run: ExitZeroRun, pipeline: Pipeline): boolean {
  if (run.jobStage !== null && run.jobStage !== stage.name) return false;
  return pipeline.finishedBy(run.agent).includes(stage);
}

function advanceFrom(stage: Stage, pipeline: Pipeline): Advance | null {
  if (stage.next === null) return null;
  return { fromStage: stage.name, toStage: stage.next, nextAgent: pipeline.get(stage.next)?.agent ?? null };
}
