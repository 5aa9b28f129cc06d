import { findTriggerTrouble } from '../../db/adapter/install-trigger.js';
import { NOT_ALLOWED } from '../../db/explain-error.js';
import { tryAnnouncements, tryNotes } from '../../db/inspect/note-trial.js';
import { tryNames, type SessionNames } from '../../db/inspect/session-names.js';
import { readUnplacedWorkers, type UnplacedWorkers } from '../../db/inspect/workers.js';
import { remedyOf } from '../../domain/worker-trouble.js';
import { counted } from '../../domain/wording.js';
import { messageOf } from '../errors.js';
import { fail, ofServerState, ok, warn, type Check, type Finding } from './check.js';

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
    const notes = admin === null ? null : await tryNotes(admin);
    if (notes !== null) {
      findings.push(
        refused(
          "the adapter's trigger to be able to note who takes a job",
          notes,
          'jobs that are taken meanwhile stay unknown',
        ),
      );
    }
    if (workerUrl !== null) findings.push(...(await checkNames(workerUrl)));
    const { isByName, unplaced } = await readUnplacedWorkers(pool);
    if (!isByName) return [...findings, ok(EXPECTED, 'rows name processes, not workers')];
    const isAnyUnknown = unplaced.some(({ why, isNamed }) => why === 'none' && isNamed);
    const announcements = admin !== null && isAnyUnknown ? await tryAnnouncements(admin) : null;
    if (announcements !== null) {
      findings.push(
        refused(
          'workers to be able to announce themselves',
          announcements,
          'jobs of workers that start meanwhile are unknown until these have announced themselves',
        ),
      );
    }
    findings.push(
      ...unplaced.map((workers) => explain(workers, (workers.isNamed ? announcements : notes) !== null)),
    );
    return findings.length > 0 ? findings : [ok(EXPECTED, 'all known')];
  },
};

/** What cannot be written, why, and what follows. */
function refused(expected: string, error: Error, consequence: string): Finding {
  const isDenied = (error as { code?: string }).code === NOT_ALLOWED;
  const todo =
    ofServerState(error)?.todo ?? (isDenied ? 'run job-reaper migrate, which grants it' : 'correct that');
  return fail(expected, error.message, `${todo}. The queue goes on, but ${consequence}`);
}

const NAMED = 'sessions of workers to keep their own name (application_name) behind a pooler';

/** Whether what the workers connect through keeps sessions' names apart. */
async function checkNames(workerUrl: string): Promise<Finding[]> {
  let names: SessionNames;
  try {
    names = await tryNames(workerUrl);
  } catch (error) {
    return [
      ofServerState(error) ??
        fail(NAMED, `--worker-url: ${messageOf(error)}`, 'correct --worker-url, or start what it names'),
    ];
  }
  const { named, nameless } = names;
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

const STAYS_UNKNOWN = 'a job that was taken while that could not be noted stays unknown until it ends';
const CORRECT_THAT = 'correct what keeps it from being written, see above';
const IF_THAT_IS_ALL = 'workers with the line of docs/tokens.md are known then';

/** @param isRefused whether what would tell these workers' processes cannot be written now, which is a finding of its own */
function explain({ why, count, runs, isNamed, names }: UnplacedWorkers, isRefused: boolean): Finding {
  const who = `${counted(count, 'worker')} with ${counted(runs, 'running job')} (${names.join(', ')})`;
  switch (why) {
    case 'boot':
      return fail(EXPECTED, `no probe has reported the boot of ${who}`, remedyOf(why));
    case 'void':
      return fail(EXPECTED, `two processes announced the same id: ${who}`, remedyOf(why));
    case 'broken':
      return fail(EXPECTED, `the name has what looks like a token, but is none: ${who}`, remedyOf(why));
    case 'none':
      if (!isNamed) {
        const what = `nothing says which worker runs ${counted(runs, 'job')} (${names.join(', ')})`;
        return warn(EXPECTED, what, isRefused ? CORRECT_THAT : `${remedyOf(why)}; ${STAYS_UNKNOWN}`);
      }
      return warn(
        EXPECTED,
        `no token: ${who}`,
        isRefused
          ? `${CORRECT_THAT}; ${IF_THAT_IS_ALL}`
          : `${remedyOf(why)}; until then their jobs are unknown`,
      );
  }
}
