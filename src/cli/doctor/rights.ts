import { readLoginRights } from '../../db/inspect/server.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

/** Checks that the login of DATABASE_URL has the rights it needs, and no more. */
export const rightsCheck: Check = {
  name: 'rights',
  needs: ['postgres', 'schema'],
  async run({ pool }) {
    const { user, isSuperuser, mayClaim, mayReadView, mayFinish, writable, plantable } =
      await readLoginRights(pool);
    const grant = `GRANT reaper TO "${user}"`;
    if (isSuperuser) {
      return [
        warn(
          'a login that is only a member of role reaper',
          `"${user}" is a superuser, so only our code keeps it from writing to your tables`,
          `CREATE ROLE ... LOGIN, ${grant.replace(user, '...')}, and use that login in DATABASE_URL`,
        ),
      ];
    }
    const findings: Finding[] = [];
    const expected = `"${user}" to be a member of role reaper`;
    if (mayClaim && mayReadView) findings.push(ok(expected, 'it may read running jobs and claim'));
    else {
      const got = mayReadView ? 'it may read, but not claim' : 'it may neither read nor claim';
      findings.push(fail(expected, got, `${grant}; on a host that only probes, role reaper_probe is enough`));
    }
    const excess = [...(mayFinish ? ['reaper.finish'] : []), ...writable];
    if (excess.length > 0) {
      findings.push(
        warn(
          'the claim to be the only write',
          `"${user}" may also write ${excess.join(', ')}`,
          'REVOKE that, or use a separate login for job-reaper',
        ),
      );
    }
    for (const schema of plantable) {
      findings.push(
        warn(
          `"${user}" not to be able to create a function that a claim runs with the rights of the owner of schema reaper`,
          `it may create functions in schema ${schema}, which is in the adapter's search path`,
          `REVOKE CREATE ON SCHEMA ${schema} FROM PUBLIC (the default since Postgres 15), or from "${user}"`,
        ),
      );
    }
    return findings;
  },
};
