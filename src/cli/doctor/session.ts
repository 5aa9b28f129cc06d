import { readSessionSettings } from '../../db/inspect/session.js';
import { fail, ok, type Check, type Finding } from './check.js';

const DEFAULTS =
  'see ALTER ROLE ... SET and ALTER DATABASE ... SET of this login, and what a pooler hands on between clients';

/** The server has the settings in force that our sessions rely on: read back, since a pooler or a default may have changed them. */
export const sessionCheck: Check = {
  name: 'session',
  needs: ['postgres'],
  async run({ pool }) {
    const { isStandby, ...settings } = await readSessionSettings(pool);
    const findings: Finding[] = [];
    if (settings.transaction_read_only !== 'off') {
      const got = isStandby ? 'read-only: it is a standby' : 'read-only: default_transaction_read_only is on';
      findings.push(
        fail('a server that can be written to', got, 'name the primary in DATABASE_URL, or wait for it'),
      );
    }
    if (settings.statement_timeout === '0') {
      findings.push(fail('a limit to each statement', 'statement_timeout is 0', DEFAULTS));
    }
    const wanted: [keyof typeof settings, RegExp, string][] = [
      ['standard_conforming_strings', /^on$/, 'on'],
      ['client_encoding', /^UTF8$/, 'UTF8'],
      ['DateStyle', /^ISO\b/, 'ISO'],
      ['session_replication_role', /^origin$/, 'origin, so that your triggers run'],
    ];
    for (const [name, form, value] of wanted) {
      if (!form.test(settings[name])) findings.push(fail(`${name} to be ${value}`, settings[name], DEFAULTS));
    }
    return findings.length > 0
      ? findings
      : [ok('the settings that sessions rely on', 'all in force, read back from the server')];
  },
};
