import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { inject } from 'vitest';
import { readSettings } from '../../../src/config.js';
import { createPool } from '../../../src/db/pool.js';
import type { DoctorContext, Finding } from '../../../src/cli/doctor/check.js';
import { CHECKS } from '../../../src/cli/doctor/checks.js';
import { runChecks, type Diagnosis } from '../../../src/cli/doctor/run-checks.js';
import { Names } from '../../../src/naming.js';
import type { TestDatabase } from '../../support/database.js';

/** An installation for doctor to check. */
export interface Patient {
  context: DoctorContext;
  close(): Promise<void>;
}

/** What a command would check; a test overrides only what it breaks. */
export function patientOf(
  db: TestDatabase,
  given: {
    env?: Record<string, string>;
    url?: string;
    admin?: boolean;
    namespace?: string;
    address?: string;
  } = {},
): Patient {
  const { env = {}, url = db.reaperUrl, admin = true, namespace = 'default' } = given;
  const settings = readSettings({
    DATABASE_URL: url,
    REAPER_NAME: `doctor-${randomBytes(5).toString('hex')}`,
    REAPER_HOST: 'host-1',
    ...env,
  });
  const pool = createPool(url, { applicationName: 'test doctor', max: 4 });
  let client: Promise<Client> | undefined;
  return {
    context: {
      settings,
      names: new Names(settings.REAPER_NAME),
      namespace,
      pool,
      admin: admin ? db.admin : null,
      workerUrl: null,
      temporal: () => (client ??= connect(given.address ?? inject('temporalAddress'))),
    },
    async close() {
      await pool.end();
      await client?.then(({ connection }) => connection.close()).catch(() => undefined);
    },
  };
}

async function connect(address: string): Promise<Client> {
  return new Client({ connection: await Connection.connect({ address, connectTimeout: 1_000 }) });
}

/** Runs one check alone. */
export async function examine(name: string, { context }: Patient): Promise<Finding[]> {
  const check = CHECKS.find((each) => each.name === name);
  if (check === undefined) throw new Error(`Expected a check "${name}", got none`);
  return runChecks([{ ...check, needs: [] }], context);
}

/** Runs all checks, as the command does. */
export const examineAll = ({ context }: Patient): Promise<Diagnosis[]> => runChecks(CHECKS, context);
