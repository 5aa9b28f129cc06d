import { readLoginRights } from '../../db/inspect/server.js';
import { fail, ok, warn, type Check, type Finding } from './check.js';

/** The login of DATABASE_URL may do what it has to, and no more. */
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
          'a login that is a member of role reaper and no more',
          `"${user}" is a superuser, so that nothing but our code keeps it from writing your tables`,
          `CREATE ROLE ... LOGIN, ${grant.replace(user, '...')}, and name that login in DATABASE_URL`,
        ),
      ];
    }
    const findings: Finding[] = [];
    const expected = `"${user}" to be a member of role reaper`;
    if (mayClaim && mayReadView) findings.push(ok(expected, 'it may read running jobs and claim'));
    else {
      const got = mayReadView ? 'it may read, but not claim' : 'it may neither read nor claim';
      findings.push(fail(expected, got, `${grant}; on a host that only probes, role reaper_probe is right`));
    }
    const excess = [...(mayFinish ? ['reaper.finish'] : []), ...writable];
    if (excess.length > 0) {
      findings.push(
        warn(
          'the claim to be the only write',
          `"${user}" may also write ${excess.join(', ')}`,
          'REVOKE it, or use a login of its own for job-reaper',
        ),
      );
    }
    for (const schema of plantable) {
      findings.push(
        warn(
          `"${user}" to make nothing that a claim runs with the rights of the owner of schema reaper`,
          `it may create functions in schema ${schema}, in which the adapter looks names up`,
          `REVOKE CREATE ON SCHEMA ${schema} FROM PUBLIC, as from Postgres 15 on, or from "${user}"`,
        ),
      );
    }
    return findings;
  },
};
