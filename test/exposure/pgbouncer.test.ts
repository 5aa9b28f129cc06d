import { randomBytes } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { createPool } from '../../src/db/pool.js';
import { cli, type Env } from '../cli/support.js';
import { claimRun } from '../support/claims.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { OpenTransaction } from '../support/locks.js';
import { startPgBouncer, whyNoPgBouncer, type PgBouncer } from '../support/pgbouncer.js';
import { endProcesses, startProcess } from '../support/process.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { terminateAll } from '../support/terminate-all.js';
import { eventually } from '../support/wait.js';
import { WorkerProcess } from '../support/worker-process.js';

const missing = whyNoPgBouncer();
const suite = missing === null ? describe : describe.skip;

suite.each(['transaction', 'session'] as const)(
  `behind PgBouncer in %s mode${missing === null ? '' : ` (${missing})`}`,
  (mode) => {
    let db: TestDatabase;
    let bouncer: PgBouncer;
    let url: string;

    beforeAll(async () => {
      db = await createTestDatabase();
      // In session mode a connection of ours keeps its server's; in the other they share two.
      bouncer = await startPgBouncer(mode, [db.reaperUrl, db.probeUrl], mode === 'session' ? 20 : 2);
      url = bouncer.through(db.reaperUrl);
    });
    afterAll(async () => {
      await bouncer.stop();
      await endProcesses();
      await db.drop();
    });

    it('the settings hold in every statement, whatever the session before ours has left', async () => {
      const pool = createPool(url, { applicationName: 'test pooled', statementTimeoutMs: 400, max: 4 });
      try {
        const leaky = await pool.connect();
        await leaky.query(`set statement_timeout = 0`);
        await leaky.query(`set "DateStyle" = 'German'`);
        await leaky.query(`set extra_float_digits = -15`);
        leaky.release();
        const read = `select current_setting('statement_timeout') as timeout, current_setting('DateStyle') as style,
                             timestamptz '2026-01-02 03:04:05Z' as at`;
        const right = { timeout: '400ms', style: 'ISO, MDY', at: new Date('2026-01-02T03:04:05Z') };
        const all = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => pool.query(read)));
        for (const { rows } of all) expect(rows).toEqual([right]);
        await expect(pool.query('select pg_sleep(60)')).rejects.toThrow('statement timeout');
        // What failed leaves no transaction behind for whoever has the connection next.
        expect((await pool.query(read)).rows).toEqual([right]);
      } finally {
        await pool.end();
      }
    });

    it('a claim waits briefly for a locked row, names who holds it, and wins later', async () => {
      const pool = createPool(url, { applicationName: 'test pooled', max: 2 });
      const run = await insertRunningJob(db.admin, { id: 'locked' });
      const psql = await OpenTransaction.begin(db.admin);
      await psql.run(`select from jobs where id = 'locked' for update`);
      try {
        const claimed = async () => claimRun(pool, run, { lookedAtMs: Date.now() - 1_000 });
        expect(await claimed()).toMatchObject({
          result: 'busy',
          detail: expect.stringContaining('its row is locked by pid') as string,
        });
        await psql.rollback();
        expect((await claimed()).result).toBe('won');
      } finally {
        await pool.end();
      }
    });

    it('worker and commands work: a dead job is repaired, a hold is set and seen', async () => {
      const name = `pooled-${randomBytes(6).toString('hex')}`;
      const env: Env & Record<string, string> = {
        DATABASE_URL: url,
        TEMPORAL_ADDRESS: inject('temporalAddress'),
        REAPER_NAME: name,
        REAPER_HOST: 'host-1',
        REAPER_INTERVAL_S: '0.5',
      };
      const dead = startProcess();
      await insertRunningJob(db.admin, { id: 'dead', ...dead });
      await dead.kill();
      const worker = new WorkerProcess(env);
      try {
        await eventually('the repair', async () => (await readJob(db.admin, 'dead'))['status'] === 'queued');
        const held = await cli(['hold', 'job', 'j9', '--reason', 'r', '--for', '1h', '--by', 'op'], env);
        expect(held).toMatchObject({ code: 0, stderr: '' });
        const { code, stdout, stderr } = await cli(['status'], env);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(stdout).toContain('j9');
        expect((await cli(['explain', 'dead'], env)).code).toBe(0);
        expect((await cli(['sweep'], env)).code).toBe(0);
        expect(worker.count('Postgres')).toBe(0);
      } finally {
        await worker.kill();
        const client = new Client({
          connection: await Connection.connect({ address: inject('temporalAddress') }),
        });
        await terminateAll(client, name);
        await client.connection.close();
      }
    });
  },
);
