import { inClaim } from './in-claim.js';
import { inControl } from './in-control.js';
import { inDecisions } from './in-decisions.js';
import type { Mutant } from './mutant.js';

/** What the harness must catch. */
export const MUTANTS: readonly Mutant[] = [...inClaim, ...inControl, ...inDecisions];
