import { readSessionState } from '../../db/inspect/session.js';
import { fail, ok, type Check, type Finding } from './check.js';

const DEFAULTS = 'check ALTER ROLE ... SET and ALTER DATABASE ... SET for this login';
const POOLER =
  'a pooler in front of Postgres must run in transaction or session mode, and pass on the settings';

/** Reads back the server settings that our sessions rely on, because a pooler or a default may have changed them. */
export const sessionCheck: Check = {
  name: 'session',
  needs: ['postgres'],
  async run({ pool }) {
    const { isReadOnly, isStandby, replicationRole } = await readSessionState(pool);
    const findings: Finding[] = [];
    if (isReadOnly) {
      const got = isStandby ? 'read-only: it is a standby' : 'read-only: default_transaction_read_only is on';
      findings.push(fail('a writable server', got, 'use the primary in DATABASE_URL, or wait for it'));
    }
    if (replicationRole !== 'origin') {
      findings.push(
        fail(
          'session_replication_role to be origin, so that your triggers run',
          replicationRole,
          `${DEFAULTS}, and what a pooler leaks between clients`,
        ),
      );
    }
    for (const { name, expected, got } of await pool.readBack())
      findings.push(fail(`${name} to be ${expected}, the value that we set`, got, POOLER));
    return findings.length > 0
      ? findings
      : [ok('the settings that our sessions need', 'all in effect, as read back from the server')];
  },
};
