// Makes the stamp that a launcher writes next to the pid, and holds a merge lease.
import { acquireLease, processIdentity, releaseLease } from 'job-reaper/launcher';

console.log(`stamp ${processIdentity(process.pid)}`);
const taken = await acquireLease({ folder: process.env.MERGE_LEASE_DIR ?? '.', repo: 'web', ttlS: 600 });
if (!taken.acquired) throw new Error(taken.why);
console.log('merging');
await releaseLease(taken.lease);
