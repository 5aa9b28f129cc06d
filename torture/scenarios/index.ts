import { clocks } from './clocks.js';
import { exits } from './exits.js';
import { lateOnes } from './late.js';
import { life } from './life.js';
import { mistakes } from './mistakes.js';
import { networks } from './networks.js';
import { owners } from './owners.js';
import { pauses } from './pauses.js';
import { people } from './people.js';
import type { Scenario } from './scenario.js';
import { stops } from './stops.js';
import { suspensions } from './suspensions.js';
import { waits } from './waits.js';
import { zombies } from './zombies.js';

/** Forced interleavings, each with real processes. */
export const SCENARIOS: readonly Scenario[] = [
  ...zombies,
  ...lateOnes,
  ...exits,
  ...pauses,
  ...life,
  ...people,
  ...clocks,
  ...stops,
  ...waits,
  ...networks,
  ...suspensions,
  ...owners,
  ...mistakes,
];
