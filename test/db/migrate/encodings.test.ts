import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { migrateTo } from '../../../src/cli/migrate.js';
import { claimMany } from '../../../src/db/claim-many.js';
import { operate, operateOnce } from '../../../src/db/operate.js';
import { recordSweep } from '../../../src/db/record-sweep.js';
import { readDatabaseNow } from '../../../src/db/report-host.js';
import { startPostgres, type PostgresServer } from '../../../servers/index.js';
import { claimRun } from '../../support/claims.js';
import { insertRunningJob } from '../../support/rows.js';
import { embeddedEnv, silent } from '../../servers/support.js';
import { createAdminPool } from '../../support/database.js';
import { memoryFolder } from '../../support/memory-folder.js';

let server: PostgresServer;
let admin: pg.Client;
let encodings: string[];

beforeAll(async () => {
  server = await startPostgres({ log: silent, env: embeddedEnv(), dir: await memoryFolder() });
  admin = new pg.Client({ connectionString: server.adminUrl });
  await admin.connect();
  const { rows } = await admin.query<{ name: string }>(
    `select pg_encoding_to_char(n) as name from generate_series(0, 60) n where pg_encoding_to_char(n) <> ''`,
  );
  encodings = rows.map(({ name }) => name);
});
afterAll(async () => {
  await admin.end();
  await server.stop();
});

/** A database in an encoding, or null if Postgres supports it only for clients. */
async function databaseIn(encoding: string): Promise<string | null> {
  const name = `in_${encoding.toLowerCase()}`;
  try {
    await admin.query(
      `create database ${name} encoding '${encoding}' template template0 lc_collate 'C' lc_ctype 'C'`,
    );
  } catch (error) {
    if ((error as Error).message.includes('not a valid encoding name')) return null;
    throw error;
  }
  const url = new URL(server.adminUrl);
  url.pathname = `/${name}`;
  return url.href;
}

it('migrates and reaps in every encoding that can be read, and says so if one cannot', async () => {
  const worked: string[] = [];
  const refused: string[] = [];
  for (const encoding of encodings) {
    const url = await databaseIn(encoding);
    if (url === null) continue;
    try {
      await migrateTo(url, 'reference');
    } catch (error) {
      expect((error as Error).message, encoding).toMatch(/expected a UTF8 database/i);
      refused.push(encoding);
      continue;
    }
    const pool = createAdminPool(url);
    const ref = await insertRunningJob(pool, { id: 'job one', pid: 4242, attempts: 2 });
    expect(await claimRun(pool, ref, { outcome: 'failed' }), encoding).toMatchObject({ result: 'won' });
    const { rows } = await pool.query<{ key: string; text: string }>(
      'select key, text from reaper.notification',
    );
    expect(rows[0]?.key, encoding).toMatch(/^failed\/job%20one\/2-\d+$/);
    expect(rows[0]?.text, encoding).toMatch(
      /^(🚨 )?reaper: job job one \(developer, repo web\) reaped as FAILED/u,
    );
    expect(rows[0]?.text.startsWith('🚨'), encoding).toBe(['UTF8', 'SQL_ASCII'].includes(encoding));
    worked.push(encoding);
    await pool.end();
  }
  expect(worked).toEqual(
    expect.arrayContaining(['UTF8', 'LATIN1', 'EUC_JP', 'SQL_ASCII', 'WIN1252', 'KOI8R']),
  );
  expect(refused).toEqual(['MULE_INTERNAL']);
}, 400_000);

it('names a job that is not ASCII the same in every encoding', async () => {
  const keys = new Set<string>();
  for (const encoding of ['UTF8', 'LATIN1', 'SQL_ASCII']) {
    const url = new URL(server.adminUrl);
    url.pathname = `/in_${encoding.toLowerCase()}`;
    const pool = createAdminPool(url.href);
    const { rows } = await pool.query<{ key: string }>(
      `select reaper.notification_key('failed', $1, null) as key`,
      ['été 1'],
    );
    keys.add(rows[0]?.key ?? '');
    await pool.end();
  }
  expect([...keys]).toEqual(['failed/%C3%A9t%C3%A9%201/']);
});

it('stores texts with characters that the encoding lacks as far as it can, and never changes a name', async () => {
  const url = new URL(server.adminUrl);
  url.pathname = '/in_latin1';
  const pool = createAdminPool(url.href);
  const reason = 'café 🚦';
  const ref = await insertRunningJob(pool, { id: 'été 2', pid: 4242 });
  const other = await insertRunningJob(pool, { id: '?t? 2', pid: 4242 });
  const batched = await insertRunningJob(pool, { id: 'été 3', pid: 4242 });

  const claim = {
    reason,
    error: reason,
    evidence: { gate: reason },
    outcome: 'failed',
    tier: 1,
    advance: null,
  } as const;
  expect(await claimRun(pool, ref, claim)).toMatchObject({ result: 'won' });
  const run = { ...batched, pid: 4242, processIdentity: null, exitCode: null };
  const lookedAtMs = (await readDatabaseNow(pool)).getTime();
  const batch = { claimer: 'c', workflowId: 'w', lookedAtMs, limitMs: 60_000, claims: [{ ...claim, run }] };
  expect(await claimMany(pool, batch)).toMatchObject([{ jobId: 'été 3', result: 'won' }]);
  await recordSweep(pool, lookedAtMs, { number: 1, error: reason });
  await operate(pool, { action: 'pause', reason, by: 'Zoë 🚦' });
  await operateOnce(pool, 'key', {
    action: 'hold',
    kind: 'repo',
    value: 'web',
    reason,
    seconds: 60,
    by: 'op',
  });
  const hold = { action: 'hold', kind: 'repo', value: 'web 🚦', reason, seconds: 60, by: 'op' } as const;
  await expect(operate(pool, hold)).rejects.toThrow('has no equivalent in encoding "LATIN1"');

  const { rows } = await pool.query(
    `select array(select job_id || ' ' || reason || ' ' || (evidence ->> 'gate') from reaper.ledger where job_id like '%t% _' order by 1) as ledger,
            (select status from jobs where id = $1) as other, paused_reason as paused, paused_by as by,
            array(select value || ' ' || reason from reaper.hold) as holds
       from reaper.control`,
    [other.jobId],
  );
  await pool.end();
  expect(rows).toEqual([
    {
      ledger: ['été 2 caf? ? caf? ?', 'été 3 caf? ? caf? ?'],
      other: 'running',
      paused: 'caf? ?',
      by: 'Zo? ?',
      holds: ['web caf? ?'],
    },
  ]);
});
