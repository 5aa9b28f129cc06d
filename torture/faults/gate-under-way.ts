import { setTimeout } from 'node:timers/promises';
import { rm, writeFile } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import type { TakenRun } from '../../demo/launcher/taken-run.js';
import type { Advance } from '../../src/domain/exit-zero.js';
import type { Random } from '../random.js';
import { advanceOf, gateFiles, gateOf } from '../world/pipeline.js';
import type { World } from '../world/world.js';
import { readTakenRun } from './read-taken-run.js';
import { pickVictim, send, type Victim } from './victims.js';
import { waitFor } from './wait.js';

/** Milliseconds that a monitor is waited for whose agent has just ended. */
const VICTIM_LIMIT_MS = 5_000;
/** Longer than the grace, and than a watch that is told to look takes for it. */
const GATE_LIMIT_MS = 20_000;

/** A green exit 0 whose monitor is gone, and whose gate the reaper is asking. */
export interface GateUnderWay {
  victim: Victim;
  run: TakenRun;
  advance: Advance;
  /** Makes the gate answer, which otherwise would run forever. */
  release: () => Promise<void>;
}

/** Does something while the reaper asks a gate. Null when there was none to be asked. */
export async function whileGateIsAsked(
  world: World,
  random: Random,
  work: (gate: GateUnderWay) => Promise<string | null>,
): Promise<string | null> {
  const { facts, folder } = world;
  const isGreen = ({ runId }: Victim) => {
    const life = facts.lives.lives.get(runId);
    const hasGate = gateOf(facts.queue.runs.get(runId)?.agent ?? '') === 'command';
    return hasGate && facts.launchers.exited.has(runId) && life?.exitsWithZero === true && life.delivered;
  };
  const victim = await waitFor(() => pickVictim(world, random, 'monitor', 'south', isGreen), VICTIM_LIMIT_MS);
  const run = victim && (await readTakenRun(world.admin, victim));
  const advance = run && advanceOf(run.agent);
  if (!victim || !run || !advance) return null;
  const { hold, asked } = gateFiles(folder, run.jobId);
  const release = () => rm(hold, { force: true });
  await writeFile(hold, '');
  const answers = facts.hindrances.began([victim.runId], 'its gate does not answer');
  try {
    send(victim.monitor, 'SIGKILL');
    if ((await waitFor(() => existsSync(asked) || null, GATE_LIMIT_MS)) === null) return null;
    return await work({ victim, run, advance, release });
  } finally {
    await release();
    answers();
    await setTimeout(500);
    await rm(asked, { force: true });
  }
}
