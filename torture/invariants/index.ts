import { aliveUntouched } from './alive-untouched.js';
import { brakePulled } from './brake-pulled.js';
import { blocksHonoured } from './blocks-honoured.js';
import { claimsAndLedger } from './claims-and-ledger.js';
import { crashBudgetKept } from './crash-budget-kept.js';
import { freshEvidence } from './fresh-evidence.js';
import { fullGrace } from './full-grace.js';
import { greenIsDone } from './green-is-done.js';
import { lifeCycle } from './life-cycle.js';
import { nobodyWaits } from './nobody-waits.js';
import { nobodyGivesUp } from './nobody-gives-up.js';
import { noFailingTask } from './no-failing-task.js';
import { noMadeUpSuccess } from './no-made-up-success.js';
import { oneAdvance } from './one-advance.js';
import { oneProcess } from './one-process.js';
import { proofTwice } from './proof-twice.js';
import { statusNames } from './status-names.js';
import { told, toldAtLast } from './told.js';
import { watchesKnow } from './watches-know.js';
import { repairedInTime, endedAll } from './repaired.js';
import type { Invariant } from './invariant.js';

/** Hold at every moment. */
export const ALWAYS: readonly Invariant[] = [
  aliveUntouched,
  oneProcess,
  claimsAndLedger,
  oneAdvance,
  greenIsDone,
  lifeCycle,
  noMadeUpSuccess,
  freshEvidence,
  proofTwice,
  fullGrace,
  blocksHonoured,
  watchesKnow,
  told,
  noFailingTask,
  nobodyWaits,
  statusNames,
  brakePulled,
  nobodyGivesUp,
];

/** Hold 3 intervals, the grace and 60 s after the last fault. */
export const REPAIRED: readonly Invariant[] = [repairedInTime];

/** Hold when all is over. */
export const AT_LAST: readonly Invariant[] = [endedAll, toldAtLast];

/** Hold in worlds with a crash budget: the torture has none, because its jobs have few attempts. */
export const WITHIN_BUDGET: readonly Invariant[] = [crashBudgetKept];

/** When which are judged. */
export const JUDGED: readonly { when: string; invariants: readonly Invariant[] }[] = [
  { when: 'at each look and at the end', invariants: ALWAYS },
  { when: 'once the faults have stopped', invariants: REPAIRED },
  { when: 'at the end', invariants: AT_LAST },
  { when: 'in scenarios with a crash budget', invariants: WITHIN_BUDGET },
];
