import { readServerVersion } from '../../db/inspect/server.js';
import { explainDatabaseError } from '../database-error.js';
import { fail, ofServerState, ok, warn, type Check } from './check.js';

const MIN_VERSION = 13;
const MAINTAINED_VERSION = 14;

/** Checks that we can connect to Postgres. */
export const postgresCheck: Check = {
  name: 'postgres',
  needs: [],
  proves: 'postgres',
  async run({ pool, settings }) {
    let version: number;
    try {
      version = Math.floor((await readServerVersion(pool)) / 10_000);
    } catch (error) {
      const { message } = explainDatabaseError(error, settings.DATABASE_URL ?? '', 'DATABASE_URL');
      return [
        ofServerState(error) ??
          fail('a connection to Postgres', message, 'correct DATABASE_URL, or start Postgres'),
      ];
    }
    const expected = `Postgres ${MIN_VERSION} or later`;
    if (version < MIN_VERSION) return [fail(expected, `${version}`, 'upgrade Postgres')];
    if (version < MAINTAINED_VERSION)
      return [warn(expected, `${version}, no longer maintained`, 'upgrade Postgres')];
    return [ok(expected, `${version}`)];
  },
};
