import { setTimeout } from 'node:timers/promises';
import type { Database } from '../src/db/database.js';
import { createPool } from '../src/db/pool.js';
import { createGates, loadPipeline } from '../src/gates/index.js';
import { agentCommand } from './launcher/agent-command.js';
import { decideOutcome } from './launcher/decide-outcome.js';
import { finalize } from './launcher/finalize.js';
import { recordExit } from './launcher/record-exit.js';
import { report } from './launcher/report.js';
import { withMergeLease } from './launcher/merge-lease.js';
import { readLauncherSettings, type LauncherSettings } from './launcher/settings.js';
import { stampProcess } from './launcher/stamp-process.js';
import { NOT_STARTED, startAgent, type Agent } from './launcher/start-agent.js';
import type { TakenRun } from './launcher/taken-run.js';
import { retry } from './launcher/retry.js';

/**
 * The monitor of one run: starts its agent, waits for it, records how it ended, finalizes. If it dies on the way, the row
 * says `running` forever. That is what job-reaper is for.
 */
async function main(run: TakenRun): Promise<void> {
  const settings = readLauncherSettings();
  const pool = createPool(settings.databaseUrl, { applicationName: `monitor of ${run.jobId}`, max: 1 });
  const agent = startAgent(agentCommand(run));
  if (agent === null) await conclude(pool, run, settings, NOT_STARTED);
  else if (await stamp(pool, run, agent)) await conclude(pool, run, settings, await agent.exitCode);
  await pool.end();
}

async function stamp(pool: Database, run: TakenRun, agent: Agent): Promise<boolean> {
  const { jobId, runId } = run;
  const { pid, processIdentity } = agent;
  report({ event: 'agent started', jobId, runId, pid, processIdentity });
  if (await retry('stamp the process', () => stampProcess(pool, run, pid, processIdentity))) return true;
  // Another launcher may be running this job by now.
  agent.kill();
  report({ event: 'no longer ours', jobId, runId });
  return false;
}

async function conclude(
  pool: Database,
  run: TakenRun,
  settings: LauncherSettings,
  exitCode: number,
): Promise<void> {
  const { jobId, runId } = run;
  await retry('record the exit code', () => recordExit(pool, run, exitCode));
  report({ event: 'exit recorded', jobId, runId, exitCode });

  // Here, a real monitor merges the branch and comments on the work item.
  await withMergeLease(run, settings, () => setTimeout(settings.finalizeS * 1000));

  const pipeline = await loadPipeline(settings.pipelinePath, { functionNames: [] });
  const gates = createGates({ databaseUrl: settings.gateDatabaseUrl });
  const outcome = await retry('ask the gate', () => decideOutcome(run, exitCode, { pipeline, gates }));
  await gates.close();
  const isOurs = await retry('finalize', () => finalize(pool, run, outcome));
  report(
    isOurs
      ? { event: 'finalized', jobId, runId, status: outcome.status }
      : { event: 'no longer ours', jobId, runId },
  );
}

await main(JSON.parse(process.argv[2] ?? '') as TakenRun);
