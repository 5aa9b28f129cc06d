import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readControl } from '../../db/control.js';
import { readFleetNumbers } from '../../db/fleet-numbers.js';
import { readMigrations } from '../../db/inspect/server.js';
import { packageRoot } from '../../paths.js';
import { explainDatabaseError } from '../database-error.js';
import { fail, ofServerState, ok, type Check, type DoctorContext, type Finding } from './check.js';

const MIGRATE = 'run job-reaper migrate --adapter <a name, a file or a folder>';

/** Checks that schema reaper has this version, and that an adapter is installed. */
export const schemaCheck: Check = {
  name: 'schema',
  needs: ['postgres'],
  proves: 'schema',
  async run(context) {
    const { pool, settings } = context;
    try {
      const { adapter } = await readControl(pool);
      if (adapter === null) return [fail('an adapter', 'none installed', MIGRATE)];
      // Uses the newest objects of the schema.
      await readFleetNumbers(pool);
      return [
        ok('schema reaper with an adapter', `adapter "${adapter}"`),
        ...(await checkMigrations(context)),
      ];
    } catch (error) {
      const { message } = explainDatabaseError(error, settings.DATABASE_URL ?? '', 'DATABASE_URL');
      return [ofServerState(error) ?? fail('schema reaper in this version', message, MIGRATE)];
    }
  },
};

/** Only the owner may read which migrations ran. */
async function checkMigrations({ admin }: DoctorContext): Promise<Finding[]> {
  if (admin === null) return [];
  const files = await readdir(join(packageRoot, 'sql', 'migrations'));
  const known = files.map((file) => file.replace(/\.sql$/, ''));
  const applied = await readMigrations(admin);
  const missing = known.filter((name) => !applied.includes(name));
  const newer = applied.filter((name) => !known.includes(name));
  if (missing.length > 0) return [fail('all migrations', `missing: ${missing.join(', ')}`, MIGRATE)];
  if (newer.length > 0) {
    return [
      fail(
        'no migrations of a newer version',
        newer.join(', '),
        'install the job-reaper version that has them',
      ),
    ];
  }
  return [ok('all migrations', `${applied.length} applied`)];
}
