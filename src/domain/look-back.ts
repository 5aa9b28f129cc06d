import type { Liveness } from './liveness.js';

/**
 * What a later look at a reaped run's process says of the claim. `right`: the process is gone. `wrong`: the very process that was
 * taken for dead lives. `open`: nobody can tell, so it is looked at again.
 */
export function judgeLookBack({ state, proven }: Liveness): 'right' | 'wrong' | 'open' {
  if (state === 'alive' && proven) return 'wrong';
  return state === 'dead' || state === 'defunct' ? 'right' : 'open';
}
