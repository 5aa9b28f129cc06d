import { ApplicationFailure, cancellationSignal, heartbeat } from '@temporalio/activity';
import { planExitZero, type Advance } from '../domain/exit-zero.js';
import type { Pipeline, Stage } from '../domain/pipeline.js';
import type { JobRun } from '../domain/types.js';
import { GateNotAsked, type GateResult, type Gates } from '../gates/index.js';

const HEARTBEAT_MS = 3_000;

/** What to do about a run whose agent exited with 0, after asking its gate. */
export type ExitZeroJudgement =
  | { kind: 'done'; reason: string; advance: Advance | null; gate: GateResult | null }
  | { kind: 'unknown-outcome'; reason: 'exit0 but gate red'; gate: GateResult };

/** What {@link createGateActivities} needs. */
export interface GateActivitiesOptions {
  pipeline: Pipeline;
  gates: Gates;
}

/** The activity that asks gates. It changes nothing; the claim does. */
export function createGateActivities({ pipeline, gates }: GateActivitiesOptions) {
  return {
    /**
     * Finds out what remains to be done for a run whose agent exited with 0. Heartbeats while a gate works.
     *
     * @throws ApplicationFailure of type GateNotAsked if the gate could not be asked, which says nothing about the work
     */
    async judgeExitZero(run: JobRun, hasStages: boolean): Promise<ExitZeroJudgement> {
      const plan = planExitZero(run, pipeline, hasStages);
      if (plan.kind === 'done') return { ...plan, advance: null, gate: null };
      const gate =
        plan.kind === 'red' ? { green: false, reason: plan.why } : await ask(plan.stage, plan.branch, run);
      if (!gate.green) return { kind: 'unknown-outcome', reason: 'exit0 but gate red', gate };
      const advance = plan.kind === 'ask-gate' ? plan.advance : null;
      return { kind: 'done', reason: 'exit0, gate green', advance, gate };
    },
  };

  async function ask(stage: Stage, branch: string, run: JobRun): Promise<GateResult> {
    if (stage.gate === null) return { green: true, reason: 'no gate registered' };
    const beat = setInterval(() => heartbeat(), HEARTBEAT_MS);
    try {
      const input = { job: run.jobId, stage: stage.name, repo: run.repo, branch, workItem: run.workItem };
      return await gates.check(stage.gate, input, cancellationSignal());
    } catch (error) {
      throw error instanceof GateNotAsked ? notAsked(stage, error) : error;
    } finally {
      clearInterval(beat);
    }
  }
}

function notAsked({ name, gate }: Stage, error: GateNotAsked): ApplicationFailure {
  const message = `the ${gate?.kind ?? ''} gate of stage "${name}" could not be asked: ${error.message}`;
  return ApplicationFailure.create({ type: 'GateNotAsked', message });
}

/** Activities that {@link createGateActivities} makes. */
export type GateActivities = ReturnType<typeof createGateActivities>;
