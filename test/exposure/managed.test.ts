import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Database } from '../../src/db/database.js';
import { startPostgres, type PostgresServer } from '../../servers/index.js';
import { cli, type Env } from '../cli/support.js';
import { claimRun } from '../support/claims.js';
import { createAdminPool } from '../support/database.js';
import { startPgBouncer, whyNoPgBouncer, type PgBouncer } from '../support/pgbouncer.js';
import { insertRunningJob, readJob } from '../support/rows.js';
import { embeddedEnv, silent } from '../servers/support.js';
import { createPool } from '../../src/db/pool.js';
import { memoryFolder } from '../support/memory-folder.js';

/** A server of its own: roles are the server's, and here the owner has to make them. */
let server: PostgresServer;
let root: Database;
beforeAll(async () => {
  server = await startPostgres({ log: silent, env: embeddedEnv(), dir: await memoryFolder() });
  root = createAdminPool(server.adminUrl);
});
afterAll(async () => {
  await root.end();
  await server.stop();
});

function urlOf(login: string, database: string): string {
  const url = new URL(server.adminUrl);
  [url.username, url.password, url.pathname] = [login, 'secret', `/${database}`];
  return url.href;
}

/** A database whose owner is no superuser, as a managed server gives you one. */
async function managed(name: string, rights: string): Promise<{ url: string; env: Env }> {
  await root.query(`create role ${name} login password 'secret' nosuperuser ${rights}`);
  await root.query(`create database ${name} owner ${name}`);
  const url = urlOf(name, name);
  return {
    url,
    env: {
      DATABASE_ADMIN_URL: url,
      DATABASE_URL: urlOf(`${name}_worker`, name),
      TEMPORAL_ADDRESS: inject('temporalAddress'),
      REAPER_NAME: `managed-${name}-${process.pid}`,
      REAPER_HOST: 'host-1',
    },
  };
}

async function dropRoles(): Promise<void> {
  for (const role of ['reaper', 'reaper_probe']) await root.query(`drop role if exists ${role}`);
}

interface Report {
  findings: { level: string; check: string; expected: string; got: string }[];
}

const OF_POSTGRES = [
  'postgres',
  'schema',
  'session',
  'rights',
  'view',
  'rows',
  'adapter',
  'indexes',
  'claims',
];

/** What doctor does not find in order about Postgres. */
async function complaints(env: Env): Promise<string[]> {
  const { stdout } = await cli(['doctor', '--json'], env);
  const ours = (JSON.parse(stdout) as Report).findings.filter(({ check }) => OF_POSTGRES.includes(check));
  expect(new Set(ours.map(({ check }) => check))).toEqual(new Set(OF_POSTGRES));
  return ours
    .filter(({ level }) => level !== 'ok')
    .map(({ level, check, got }) => `${level} ${check}: ${got}`);
}

describe('an owner who is no superuser', () => {
  it('migrates with CREATEROLE, is told so by doctor, and claims are won', async () => {
    const { url, env } = await managed('owner_a', 'createrole');
    const { code, stdout, stderr } = await cli(['migrate', '--adapter', 'reference'], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('Adapter: reference. Mode: active.');
    expect(await cli(['migrate'], env)).toMatchObject({ code: 0, stderr: '' });

    const owner = createAdminPool(url);
    const worker = createPool(env['DATABASE_URL'] ?? '', { applicationName: 'test managed' });
    try {
      await owner.query(`create role owner_a_worker login password 'secret' in role reaper`);
      const run = await insertRunningJob(owner, { id: 'j1' });
      expect(await complaints(env)).toEqual([]);
      expect(await claimRun(worker, run)).toMatchObject({ result: 'won' });
      expect(await readJob(owner, 'j1')).toMatchObject({ status: 'queued' });
      expect(await cli(['prune', '--older-than', '1d'], env)).toMatchObject({ code: 0, stderr: '' });
    } finally {
      await Promise.all([owner.end(), worker.end()]);
      await root.query('drop database owner_a with (force)');
      await root.query('drop role owner_a_worker');
      await dropRoles();
      await root.query('drop role owner_a');
    }
  });

  it('is told what to ask an administrator for where nobody has made the roles', async () => {
    const { env } = await managed('owner_b', 'nocreaterole');
    expect(await cli(['migrate', '--adapter', 'reference'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'expected a role "reaper" or the right to create it, got neither: have an administrator run CREATE ROLE reaper NOLOGIN',
      ) as string,
    });
  });

  it('migrates without CREATEROLE once somebody has, and doctor says what it could not try', async () => {
    const { url, env } = await managed('owner_c', 'nocreaterole');
    await root.query('create role reaper nologin; create role reaper_probe nologin');
    await root.query(`create role owner_c_worker login password 'secret' in role reaper`);
    expect(await cli(['migrate', '--adapter', 'reference'], env)).toMatchObject({ code: 0, stderr: '' });
    const owner = createAdminPool(url);
    const worker = createPool(env['DATABASE_URL'] ?? '', { applicationName: 'test managed' });
    try {
      const run = await insertRunningJob(owner, { id: 'j1' });
      expect(await complaints(env)).toEqual([
        'warn adapter: tried as the owner of the schema, which may not SET ROLE reaper',
      ]);
      expect(await claimRun(worker, run)).toMatchObject({ result: 'won' });
    } finally {
      await Promise.all([owner.end(), worker.end()]);
    }
  });
});

const missing = whyNoPgBouncer();
describe.skipIf(missing !== null)(
  `commands of the owner behind PgBouncer${missing ? ` (${missing})` : ''}`,
  () => {
    let env: Env;
    const direct: Record<string, string> = {};
    beforeAll(async () => {
      const { url, env: given } = await managed('owner_d', 'createrole');
      env = given;
      direct['admin'] = url;
      direct['worker'] = env['DATABASE_URL'] ?? '';
      await root.query(
        `do $$ begin create role reaper nologin; exception when duplicate_object then null; end $$`,
      );
      await root.query(
        `do $$ begin create role reaper_probe nologin; exception when duplicate_object then null; end $$`,
      );
      await root.query(`grant reaper to owner_d with admin option`);
      await root.query(`create role owner_d_worker login password 'secret' in role reaper`);
    });

    const through = (bouncer: PgBouncer): Env => ({
      ...env,
      DATABASE_ADMIN_URL: bouncer.through(direct['admin'] ?? ''),
      DATABASE_URL: bouncer.through(direct['worker'] ?? ''),
    });
    const start = (mode: 'transaction' | 'session', size: number) =>
      startPgBouncer(mode, Object.values(direct), size);

    it.each([1, 5])(
      'in transaction mode, %i connections: migrate is refused, in words that say what to do',
      async (size) => {
        const bouncer = await start('transaction', size);
        try {
          const refused = await cli(['migrate', '--adapter', 'reference'], through(bouncer));
          expect(refused).toMatchObject({
            code: 1,
            stderr: expect.stringContaining(
              'use the address and port of the server itself, or of a pooler in session mode',
            ) as string,
          });
          expect(refused.stderr).not.toContain('secret');
        } finally {
          await bouncer.stop();
        }
      },
    );

    it('in session mode: migrate and doctor work; in transaction mode doctor and prune do', async () => {
      const session = await start('session', 20);
      const transaction = await start('transaction', 2);
      const owner = createAdminPool(direct['admin'] ?? '');
      try {
        expect(await cli(['migrate', '--adapter', 'reference'], through(session))).toMatchObject({
          code: 0,
          stderr: '',
        });
        await insertRunningJob(owner, { id: 'j1' });
        expect(await complaints(through(session))).toEqual([]);
        expect(await complaints(through(transaction))).toEqual([]);
        expect(await cli(['prune', '--older-than', '1d'], through(transaction))).toMatchObject({
          code: 0,
          stderr: '',
        });
      } finally {
        await owner.end();
        await Promise.all([session.stop(), transaction.stop()]);
      }
    });
  },
);
