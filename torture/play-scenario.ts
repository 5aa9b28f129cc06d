import { ALWAYS } from './invariants/index.js';
import { judge, type Invariant, type Violation } from './invariants/invariant.js';
import { SceneError } from './scenarios/scene.js';
import type { Scenario } from './scenarios/scenario.js';
import { createWorld, type World } from './world/world.js';

/** How a scenario came out. */
export interface Played {
  violations: Violation[];
  /** Why it could not be played to its end, or null. */
  cutShort: string | null;
}

/** Plays a scenario in its own world, and judges everything that happened. */
export async function playScenario(scenario: Scenario, log: (line: string) => void): Promise<Played> {
  const world = await createWorld({
    seed: 1,
    log,
    terms: { intervalS: 1, batchAbove: 1_000, ...scenario.terms },
  });
  try {
    let cutShort: string | null = null;
    try {
      await scenario.play(world);
    } catch (error) {
      if (!(error instanceof SceneError)) throw error;
      cutShort = error.message;
    }
    return { violations: await judgeAll(world, [...ALWAYS, ...(scenario.alsoHold ?? [])]), cutShort };
  } finally {
    await world.end();
  }
}

async function judgeAll(world: World, invariants: readonly Invariant[]): Promise<Violation[]> {
  const { temporal } = world.facts;
  await world.ask(() => temporal.readClosed(), 20_000);
  temporal.failing.push(...(await world.ask(() => temporal.readOpenAtLast(), 20_000)));
  await world.facts.read();
  return judge(invariants, world.facts);
}
