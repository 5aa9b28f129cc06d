import { readClock } from '../../db/inspect/server.js';
import type { Check } from './check.js';
import { judgeSkew } from './clock-skew.js';

/** Compares the database's clock, which run ages depend on, with this machine's, which leases depend on. */
export const clockHereCheck: Check = {
  name: 'clock here',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const before = Date.now();
    const theirs = await readClock(pool);
    const after = Date.now();
    // The database answered somewhere in between, so any difference within that is not skew.
    const skewS = Math.max(0, before - theirs, theirs - after) / 1000;
    return [
      judgeSkew("the database's and this machine's clocks", skewS, 'leases are judged too early or too late'),
    ];
  },
};
