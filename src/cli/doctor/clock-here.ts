import { readClock } from '../../db/inspect/server.js';
import type { Check } from './check.js';
import { judgeSkew } from './clock-skew.js';

/** The database's clock, by which ages are told, against this machine's, by which leases are. */
export const clockHereCheck: Check = {
  name: 'clock here',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const before = Date.now();
    const theirs = await readClock(pool);
    const after = Date.now();
    // Asked somewhere in between: whatever lies inside is no skew.
    const skewS = Math.max(0, before - theirs, theirs - after) / 1000;
    return [
      judgeSkew("the database's and this machine's clock", skewS, 'leases are judged too early or too late'),
    ];
  },
};
