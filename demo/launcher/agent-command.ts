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
 * How to start the agent of a run. This is the only place to change for your own agents. If you have a Node script that
 * takes the agent's name as its argument, just set LAUNCHER_AGENTS_SCRIPT to its path.
 */
export function agentCommand(run: TakenRun): Command {
  return {
    file: process.execPath,
    args: [process.env['LAUNCHER_AGENTS_SCRIPT'] ?? AGENTS, run.agent],
    env: {
      ...process.env,
      // An agent must not use the queue's database.
      DATABASE_URL: undefined,
      JOB_ID: run.jobId,
      JOB_RUN_ID: run.runId,
      JOB_ATTEMPT: String(run.attempt),
      JOB_BRANCH: run.branch ?? '',
      JOB_WORK_ITEM: run.workItem ?? '',
    },
  };
}
