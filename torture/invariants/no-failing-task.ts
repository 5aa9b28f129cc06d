import type { Invariant } from './invariant.js';

export const noFailingTask: Invariant = {
  name: 'no failing workflow task',
  promise: "no workflow fails, the reaper's own included, and no workflow task is left failing",
  *check({ temporal }) {
    for (const what of new Set(temporal.failing)) yield { what, evidence: null };
  },
};
