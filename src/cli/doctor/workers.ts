import { findTriggerTrouble } from '../../db/adapter/install-trigger.js';
import { tryNotes } from '../../db/inspect/note-trial.js';
import { tryNames } from '../../db/inspect/session-names.js';
import { readUnplacedWorkers, type UnplacedWorkers } from '../../db/inspect/workers.js';
import { counted } from '../../domain/wording.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

const EXPECTED = 'the process of each worker that runs jobs';

/** Checks that each worker whose name a running job has can be traced to a process, on queues whose rows name a worker. */
export const workersCheck: Check = {
  name: 'workers',
  needs: ['postgres', 'schema'],
  async run({ pool, admin, workerUrl }) {
    const findings: Finding[] = [];
    for (const what of admin === null ? [] : await findTriggerTrouble(admin)) {
      findings.push(
        fail(
          "the adapter's trigger on the queue's table, which notes who takes a job",
          what,
          'run job-reaper migrate; jobs that were taken meanwhile stay unknown',
        ),
      );
    }
    const refusal = admin === null ? null : await tryNotes(admin);
    if (refusal !== null) {
      findings.push(
        fail(
          "the adapter's trigger to be able to note who takes a job",
          refusal,
          'correct that, such as a full disk or a lock: the queue goes on, but jobs that are taken meanwhile stay unknown',
        ),
      );
    }
    if (workerUrl !== null) findings.push(...(await checkNames(workerUrl)));
    const { isByName, unplaced } = await readUnplacedWorkers(pool);
    if (!isByName) return [...findings, ok(EXPECTED, 'rows name processes, not workers')];
    findings.push(...unplaced.map(explain));
    return findings.length > 0 ? findings : [ok(EXPECTED, 'all known')];
  },
};

const NAMED = 'sessions of workers to keep their own name (application_name) behind a pooler';

/** Whether what the workers connect through keeps sessions' names apart. */
async function checkNames(workerUrl: string): Promise<Finding[]> {
  const { named, nameless } = await tryNames(workerUrl);
  if (named !== 'kept') {
    return [
      fail(
        NAMED,
        `a session with a token in its name has ${named === 'lost' ? 'another name' : 'that name cut'}`,
        'have the pooler pass application_name on unchanged: until then, all jobs are unknown',
      ),
    ];
  }
  if (nameless === 'inherits') {
    return [
      warn(
        NAMED,
        'it keeps its name, but a session without a name has that of the one before',
        'if you give pg-boss your own db, name its sessions with the line, too; or set application_name_add_host = 1 (PgBouncer)',
      ),
    ];
  }
  return [ok(NAMED, 'each has its own, and a session without a name has none')];
}

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
        'add the line of docs/tokens.md (or of the page of your queue in docs/queues) to these workers and restart them; until then their jobs are unknown',
      );
  }
}
