import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimRun } from '../support/claims.js';
import { insertRunningJob } from '../support/rows.js';
import { cli, createPlace, type Env, type Place } from './support.js';

let place: Place;
let admin: Env;

beforeAll(async () => {
  place = await createPlace();
  admin = { DATABASE_ADMIN_URL: place.db.adminUrl };
  for (const id of ['old', 'newest']) {
    await claimRun(place.db.reaper, await insertRunningJob(place.db.admin, { id }));
  }
  await place.db.admin.query(
    `update reaper.ledger set claimed_at = claimed_at - interval '91 days' where job_id = 'old'`,
  );
});
afterAll(() => place.db.drop());

test('prune first shows what it would remove, then removes it; the status keeps its total', async () => {
  const dry = await cli(['prune', '--older-than', '90d', '--dry-run'], admin);
  expect(dry.stdout).toMatch(/older than 90d .* would be removed/);
  expect(dry.stdout).toMatch(/claims, with their notifications .* 1 /);
  const { stdout, code } = await cli(['prune', '--older-than', '90d', '--json'], admin);
  expect(JSON.parse(stdout)).toMatchObject({ claims: 1, observations: 0 });
  expect(code).toBe(0);
  expect((await cli(['prune', '--older-than', '90d'], admin)).stdout).toMatch(
    /claims, with their notifications .* 0 /,
  );
  const status = await cli(['status', '--json'], place.envWithoutTemporal);
  expect(JSON.parse(status.stdout)).toMatchObject({ reaped_total: 2 });
  expect((await cli(['ledger', '--json'], place.env)).stdout).not.toContain('"old"');
});

test('prune needs an age of at least a day, and the login of the owner', async () => {
  expect(await cli(['prune'], admin)).toMatchObject({ code: 2 });
  const young = await cli(['prune', '--older-than', '5h'], admin);
  expect(young.code).toBe(2);
  expect(young.stderr).toContain('Expected at least 1d');
  const without = await cli(['prune', '--older-than', '90d'], place.env);
  expect(without.code).toBe(1);
  expect(without.stderr).toContain('DATABASE_ADMIN_URL: expected a postgres:// URL, got nothing');
  const reaper = await cli(['prune', '--older-than', '90d'], { DATABASE_ADMIN_URL: place.db.reaperUrl });
  expect(reaper.code).toBe(1);
  expect(reaper.stderr).toContain('Expected the user of DATABASE_ADMIN_URL to be the owner of schema reaper');
});
