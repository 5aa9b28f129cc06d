import { decideOutcome } from '../../demo/launcher/decide-outcome.js';
import { finalize } from '../../demo/launcher/finalize.js';
import { recordExit } from '../../demo/launcher/record-exit.js';
import type { TakenRun } from '../../demo/launcher/taken-run.js';
import { createGates, loadPipeline } from '../../src/gates/index.js';
import type { World } from '../world/world.js';

/**
 * What a monitor does when its agent has ended.
 *
 * @param records whether the exit code is recorded first
 * @returns false when the reaper was faster
 */
export async function conclude(world: World, run: TakenRun, records: boolean): Promise<boolean> {
  const exitCode = exitCodeOf(world, run.runId);
  if (records) await recordExit(world.launcher, run, exitCode);
  const gates = createGates({ databaseUrl: world.gateDatabaseUrl });
  try {
    const pipeline = await loadPipeline(world.pipeline, { functionNames: [] });
    // Without a recorded exit code it must not be called a success.
    const outcome = await decideOutcome(run, records ? exitCode : 137, { pipeline, gates });
    return await finalize(world.launcher, run, outcome);
  } finally {
    await gates.close();
  }
}

/** As the monitor would have seen it: an agent that got as far as saying so exits with 0. */
export function exitCodeOf({ facts }: World, runId: string): number {
  facts.readLogs();
  return facts.lives.lives.get(runId)?.exitsWithZero === true ? 0 : 137;
}
