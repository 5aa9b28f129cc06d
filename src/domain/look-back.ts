import type { Liveness } from './liveness.js';

/**
 * What a later look at a reaped run's process says about the claim. `right`: the process is gone. `wrong`: the very process that was
 * taken for dead is alive. `open`: it cannot be known yet, so it is checked again.
 */
export function judgeLookBack({ state, proven }: Liveness): 'right' | 'wrong' | 'open' {
  if (state === 'alive' && proven) return 'wrong';
  return state === 'dead' || state === 'defunct' ? 'right' : 'open';
}
