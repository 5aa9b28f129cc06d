import { afterEach, beforeEach, expect, it } from 'vitest';
import { readControl } from '../../src/db/control.js';
import { observeRun } from '../../src/db/observe-run.js';
import { publishPolicy } from '../../src/db/policy.js';
import { DEFAULT_POLICY, type PublishedPolicy } from '../../src/domain/types.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertRunningJob } from '../support/rows.js';

let db: TestDatabase;
beforeEach(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.drop());

/** What scans, looks and explanations use. */
async function inForce(): Promise<(number | undefined)[]> {
  const looked = await observeRun(db.reaper, await insertRunningJob(db.admin, {}));
  return [(await readControl(db.reaper)).policy.confirmS, looked.policy.confirmS];
}

it.each<[hasExitCodes: string | null, Partial<PublishedPolicy>, seconds: number]>([
  [null, { confirmS: 'by adapter' }, 15],
  ['true', { confirmS: 'by adapter' }, 15],
  ['null::boolean', { confirmS: 'by adapter' }, 15],
  ['false', { confirmS: 'by adapter' }, 2],
  ['false', { confirmS: 'by adapter', intervalS: 1 }, 1],
  ['true', { confirmS: 3 }, 3],
  ['false', { confirmS: 3 }, 3],
  // From a worker that does not know the setting.
  ['false', {}, 15],
])('where has_exit_codes() is %s, %j means %d s between two looks', async (hasExitCodes, policy, seconds) => {
  await publishPolicy(db.reaper, { ...DEFAULT_POLICY, ...policy }, 'test');
  if (hasExitCodes !== null) {
    await db.admin.query(
      `create function reaper.has_exit_codes() returns boolean language sql as 'select ${hasExitCodes}'`,
    );
  }
  expect(await inForce()).toEqual([seconds, seconds]);
});
