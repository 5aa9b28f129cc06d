import { findIdsBehind } from '../../db/adapter/raise-ids.js';
import { readStoredAdapter } from '../../db/adapter/stored.js';
import type { Database } from '../../db/database.js';
import {
  findHidingPolicy,
  findSessionRules,
  findWeakOwners,
  readAdapterTrouble,
} from '../../db/inspect/hiding.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

const MIGRATE = 'run job-reaper migrate';

/** The view shows the queue as it is now, and all of it: no running job is no news only then. */
export const viewCheck: Check = {
  name: 'view',
  needs: ['postgres', 'schema'],
  async run({ pool, admin }) {
    const findings = (await readAdapterTrouble(pool)).map((trouble) =>
      fail('reaper.running_job to read the tables that have their names now', trouble, MIGRATE),
    );
    const policy = await findHidingPolicy(pool);
    if (policy !== null) {
      findings.push(
        fail(
          'a view that hides no row from job-reaper',
          policy,
          'have the owner of schema reaper own those tables, or have an administrator give it BYPASSRLS',
        ),
      );
    }
    if (admin !== null) findings.push(...(await checkAsOwner(admin)));
    return findings.length > 0
      ? findings
      : [ok('a view of the tables as they are called now, with every row', 'it is')];
  },
};

async function checkAsOwner(admin: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  const rules = await findSessionRules(admin);
  if (rules.length > 0) {
    findings.push(
      warn(
        'a view that shows the same to every session',
        `${rules.join(', ')} asks who reads, or for a setting of the session`,
        'see that no row is hidden from role reaper: have the adapter read the table itself',
      ),
    );
  }
  for (const { table, highest, last } of await findIdsBehind(admin)) {
    findings.push(
      fail(
        `new ids in ${table} behind those that are there`,
        `it goes on at ${last + 1}, and has ${highest}: rows of it cannot be written`,
        MIGRATE,
      ),
    );
  }
  if ((await readStoredAdapter(admin)) === null) {
    findings.push(
      warn(
        'an adapter whose text is known',
        'a version before installed it, and kept no text: it cannot be installed again by itself',
        'run job-reaper migrate --adapter <its name or file> once',
      ),
    );
  }
  const owners = await findWeakOwners(admin);
  if (owners.length > 0) {
    findings.push(
      warn(
        'schema reaper to be owned by who owns the queue',
        `it is a superuser's, and claims run the triggers of ${owners.join(', ')} with its rights`,
        'ALTER SCHEMA and what is in it OWNER TO the owner of the tables, if you do not trust that role with a superuser',
      ),
    );
  }
  return findings;
}
