import { readSessionState } from '../../db/inspect/session.js';
import { fail, ok, type Check, type Finding } from './check.js';

const DEFAULTS = 'see ALTER ROLE ... SET and ALTER DATABASE ... SET of this login';
const POOLER =
  'a pooler in front of Postgres has to run in transaction or session mode, and to hand on what is set';

/** The server has the settings in force that our sessions rely on: read back, since a pooler or a default may have changed them. */
export const sessionCheck: Check = {
  name: 'session',
  needs: ['postgres'],
  async run({ pool }) {
    const { isReadOnly, isStandby, replicationRole } = await readSessionState(pool);
    const findings: Finding[] = [];
    if (isReadOnly) {
      const got = isStandby ? 'read-only: it is a standby' : 'read-only: default_transaction_read_only is on';
      findings.push(
        fail('a server that can be written to', got, 'name the primary in DATABASE_URL, or wait for it'),
      );
    }
    if (replicationRole !== 'origin') {
      findings.push(
        fail(
          'session_replication_role to be origin, so that your triggers run',
          replicationRole,
          `${DEFAULTS}, and what a pooler hands on between clients`,
        ),
      );
    }
    for (const { name, expected, got } of await pool.readBack())
      findings.push(fail(`${name} to be ${expected}, as we set it`, got, POOLER));
    return findings.length > 0
      ? findings
      : [ok('the settings that sessions rely on', 'all in force, read back from the server')];
  },
};
