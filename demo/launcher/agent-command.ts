import { fileURLToPath } from 'node:url';
import type { TakenRun } from './taken-run.js';

/** A program, its arguments and its environment. */
export interface Command {
  file: string;
  args: string[];
  env: NodeJS.ProcessEnv;
}

const AGENTS = fileURLToPath(new URL('../agents.js', import.meta.url));

/**
 * How to start the agent of a run. The one place to change for agents of your own; a Node script of yours that takes the
 * agent's name can simply be named by LAUNCHER_AGENTS_SCRIPT.
 */
export function agentCommand(run: TakenRun): Command {
  return {
    file: process.execPath,
    args: [process.env['LAUNCHER_AGENTS_SCRIPT'] ?? AGENTS, run.agent],
    env: {
      ...process.env,
      // An agent has no business in the queue's database.
      DATABASE_URL: undefined,
      JOB_ID: run.jobId,
      JOB_RUN_ID: run.runId,
      JOB_ATTEMPT: String(run.attempt),
      JOB_BRANCH: run.branch ?? '',
      JOB_WORK_ITEM: run.workItem ?? '',
    },
  };
}
