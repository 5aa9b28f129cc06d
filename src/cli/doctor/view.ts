import { findIdsBehind } from '../../db/adapter/raise-ids.js';
import { readStoredAdapter } from '../../db/adapter/stored.js';
import type { Database } from '../../db/database.js';
import {
  findChangedReading,
  findHidingPolicy,
  findSessionRules,
  findWeakOwners,
  readAdapterTrouble,
} from '../../db/inspect/hiding.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

const MIGRATE = 'run job-reaper migrate';

/** Checks that the view shows the current queue, and all of it. Only then does an empty view mean that nothing is running. */
export const viewCheck: Check = {
  name: 'view',
  needs: ['postgres', 'schema'],
  async run({ pool, admin }) {
    const trouble = await readAdapterTrouble(pool);
    const findings = trouble.map((what) =>
      fail(
        'reaper.running_job to read the current tables',
        what,
        what.includes('detached') ? 'run job-reaper attach' : MIGRATE,
      ),
    );
    if (admin !== null && trouble.length === 0) findings.push(...(await checkReading(admin)));
    const policy = await findHidingPolicy(pool);
    if (policy !== null) {
      findings.push(
        fail(
          'a view that hides no rows from job-reaper',
          policy,
          'make the owner of schema reaper the owner of those tables, or ask an administrator to give it BYPASSRLS',
        ),
      );
    }
    if (admin !== null) findings.push(...(await checkAsOwner(admin)));
    return findings.length > 0 ? findings : [ok('a view of the current tables, with every row', 'confirmed')];
  },
};

/** A swap of a table that the last migration did not know is not noticed. */
async function checkReading(admin: Database): Promise<Finding[]> {
  const changes = await findChangedReading(admin);
  if (changes.length === 0) return [];
  return [
    warn('the adapter to read what it read at the last migration', `it ${changes.join(', ')}`, MIGRATE),
  ];
}

async function checkAsOwner(admin: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  const rules = await findSessionRules(admin);
  if (rules.length > 0) {
    findings.push(
      warn(
        'a view that shows every session the same rows',
        `${rules.join(', ')} depends on the current user or on a session setting`,
        'make sure that no row is hidden from role reaper: let the adapter read the table itself',
      ),
    );
  }
  for (const { table, highest, last } of await findIdsBehind(admin)) {
    findings.push(
      fail(
        `the id sequence of ${table} to be ahead of its rows`,
        `the next id is ${last + 1}, but the highest is ${highest}: new rows cannot be written`,
        MIGRATE,
      ),
    );
  }
  if ((await readStoredAdapter(admin)) === null) {
    findings.push(
      warn(
        'a stored copy of the adapter',
        'none: an older version installed it without keeping a copy, so migrate cannot reinstall it on its own',
        'run job-reaper migrate --adapter <its name or file> once',
      ),
    );
  }
  const owners = await findWeakOwners(admin);
  if (owners.length > 0) {
    findings.push(
      warn(
        'schema reaper to be owned by the owner of the queue',
        `a superuser owns it, and claims run the triggers of ${owners.join(', ')} with its rights`,
        "if you do not trust that role with a superuser's rights: ALTER SCHEMA and everything in it OWNER TO the owner of the tables",
      ),
    );
  }
  return findings;
}
