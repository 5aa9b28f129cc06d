// Makes the stamp that a launcher writes next to the pid, looks at a process, and holds a merge lease.
import { acquireLease, probeProcess, processIdentity, releaseLease } from 'job-reaper/launcher';

const { pid } = process;
const stamp = processIdentity(pid);
console.log(`stamp ${stamp}`);
const { state, evidence } = probeProcess({ pid, processIdentity: stamp });
console.log(`${state}: ${evidence}`);
const taken = await acquireLease({ folder: process.env.MERGE_LEASE_DIR ?? '.', repo: 'web', ttlS: 600 });
if (!taken.acquired) throw new Error(taken.why);
console.log('merging');
await releaseLease(taken.lease);
