import type { Invariant } from './invariant.js';

export const nobodyGivesUp: Invariant = {
  name: 'nobody gives up',
  promise: 'no worker and no launcher exits by itself, whatever is away',
  *check({ deaths }) {
    for (const what of deaths()) yield { what, evidence: null };
  },
};
