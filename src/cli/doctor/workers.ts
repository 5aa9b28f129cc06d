import { readUnplacedWorkers, type UnplacedWorkers } from '../../db/inspect/workers.js';
import { counted } from '../../domain/wording.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

const EXPECTED = 'the process of each worker that runs jobs';

/** Checks that each worker whose name a running job has can be traced to a process, on queues whose rows name a worker. */
export const workersCheck: Check = {
  name: 'workers',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const { isByName, unplaced } = await readUnplacedWorkers(pool);
    if (!isByName) return [ok(EXPECTED, 'rows name processes, not workers')];
    return unplaced.length > 0 ? unplaced.map(explain) : [ok(EXPECTED, 'all known')];
  },
};

function explain({ why, count, runs, names }: UnplacedWorkers): Finding {
  const who = `${counted(count, 'worker')} with ${counted(runs, 'running job')} (${names.join(', ')})`;
  switch (why) {
    case 'boot':
      return fail(
        EXPECTED,
        `no probe has reported the boot of ${who}`,
        'start a worker of job-reaper on each machine that runs jobs, in its first pid namespace',
      );
    case 'void':
      return fail(
        EXPECTED,
        `two processes announced the same id: ${who}`,
        'announce the worker in the process that runs its jobs, after any fork, and by an id that never comes again',
      );
    case 'broken':
      return fail(
        EXPECTED,
        `the name has what looks like a token, but is none: ${who}`,
        'use the token unchanged and uncut: docs/tokens.md',
      );
    case 'none':
      return warn(
        EXPECTED,
        `no token: ${who}`,
        'add the line of docs/tokens.md to these workers and restart them; until then their jobs are unknown',
      );
  }
}
