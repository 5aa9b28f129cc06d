import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createLeaseActivities } from '../../src/activities/leases.js';
import type { Database } from '../../src/db/database.js';
import { KeptLog } from '../support/quiet.js';

it('a check that hangs is given some time, is reported, and is not started twice', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lease-hangs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const left = join(folder, `.merge-lease-web.json.tmp-${randomUUID()}`);
  writeFileSync(left, '');
  utimesSync(left, 1, 1);
  let answer: (result: { rows: { why: null }[] }) => void = () => undefined;
  let asked = 0;
  const query = () => {
    asked += 1;
    return new Promise((resolve) => (answer = resolve));
  };
  const log = new KeptLog();
  const activities = createLeaseActivities({
    pool: { query } as unknown as Database,
    folder,
    repos: ['web'],
    host: 'h',
    sharedPidNamespace: false,
    log,
    limitS: 0.2,
  });
  for (let n = 0; n < 2; n += 1) {
    expect(await activities.reclaimLeases()).toEqual({
      reclaimed: 0,
      trouble: [`the lease folder ${folder} did not answer within 0.2 s: check its mount`],
    });
  }
  expect(asked).toBe(1);
  expect(log.lines).toHaveLength(1);
  answer({ rows: [{ why: null }] });
  expect(await activities.reclaimLeases()).toEqual({ reclaimed: 0, trouble: [] });
  expect(readdirSync(folder)).toEqual([]);
});
