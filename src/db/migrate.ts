import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { packageRoot } from '../paths.js';
import { afterDeadlocks } from './adapter/after-deadlocks.js';
import { buildIndexes } from './adapter/build-indexes.js';
import { checkView } from './adapter/check-view.js';
import { fitEncoding, readEncoding } from './adapter/encoding.js';
import { installAdapter } from './adapter/install.js';
import { installTrigger } from './adapter/install-trigger.js';
import { fillIn } from './adapter/parameters.js';
import { runPatiently } from './adapter/patiently.js';
import { raiseIds } from './adapter/raise-ids.js';
import { readAdapter, type AdapterSource } from './adapter/source.js';
import { findInstalled, readStoredAdapter } from './adapter/stored.js';
import { expectOwnSession } from './own-session.js';
import { CONNECT_MS, KEEPALIVE_MS } from './pool.js';

const SQL_FOLDER = join(packageRoot, 'sql');
/** Names the lock that lets one migration run at a time. */
const LOCK = 4_711_081_547;

/** What {@link migrate} did. */
export interface MigrateResult {
  /** Names of the migrations that ran now. */
  applied: string[];
  /** The installed adapter, or null if none has ever been installed. */
  adapter: string | null;
  mode: 'active' | 'observe';
  /** What a person should know or do, one sentence each. */
  notes: string[];
}

/**
 * Brings schema `reaper` up to date and installs an adapter. Safe to run again; each run repeats every step: roles, the adapter,
 * the views over it, the grants, the indexes.
 *
 * A new installation is active with the reference adapter and a dry run with any other. Switching to another adapter starts a dry run.
 *
 * @param adminUrl a login that owns the schema and may create roles
 * @param adapter `reference`, `minimal`, the path of an SQL file or of a folder, or null to reinstall the current one
 * @param parameters values of the adapter's parameters; those not named keep the value that they had
 * @throws if there is no such adapter or parameter, if it does not keep the SQL contract, if a pooler does not give us our own session, or if
 *   another session locks what has to be replaced
 */
export async function migrate(
  adminUrl: string,
  adapter: string | null,
  parameters: Record<string, string> = {},
): Promise<MigrateResult> {
  const given = adapter === null ? null : await readAdapter(adapter);
  return inMigration(adminUrl, 'migrate', async (client) => {
    const encoding = await readEncoding(client);
    await client.query(await readSql('roles.sql', encoding));
    const applied = await runner({
      dbClient: inEncoding(client, encoding),
      dir: join(SQL_FOLDER, 'migrations'),
      direction: 'up',
      migrationsTable: 'migration',
      migrationsSchema: 'reaper',
      createMigrationsSchema: true,
      singleTransaction: true,
      noLock: false,
      // It also logs as errors what it throws anyway, and that our numbers are not timestamps.
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    });
    const { indexes, trigger, detachOther, notes, ...control } = await afterDeadlocks(client, () =>
      install(client, given, parameters, encoding),
    );
    if (detachOther !== null) notes.push(...(await takeOff(client, detachOther)));
    if (indexes !== null) notes.push(...(await buildIndexes(client, indexes)));
    // Last, because it needs a lock on the queue's table.
    const missing = trigger === null ? null : await installTrigger(client, trigger);
    if (missing !== null) notes.push(missing);
    return { applied: applied.map((migration) => migration.name), ...control, notes };
  });
}

/**
 * Takes the adapter off the queue's tables, view, trigger and its own indexes, so that the queue can be migrated. What was installed
 * stays on record, and {@link migrate} puts it back. Until then nothing is reaped.
 *
 * @returns the name of the adapter
 * @throws if none is installed, or a lock cannot be had
 */
export async function detach(adminUrl: string): Promise<string> {
  return inMigration(adminUrl, 'detach', async (client) => {
    const stored = await readStoredAdapter(client).catch(() => null);
    if (stored === null) {
      throw new Error(
        'Expected an installed adapter to detach, got none: run job-reaper migrate --adapter <name or file>',
      );
    }
    await runPatiently(
      client,
      `${await readSql('detached.sql', await readEncoding(client))};
       update reaper.adapter set detached_at = reaper.now(), detached_by = session_user where detached_at is null;
       select reaper.note_change('job-reaper detach', 'detach', '{}')`,
    );
    if (stored.detach !== null) await runPatiently(client, fillIn(stored.detach, stored.parameters));
    return stored.name;
  });
}

/** Takes trigger and indexes of the adapter before off its tables. Returns what is left to do: the new adapter is installed already. */
async function takeOff(client: pg.Client, detachOther: string): Promise<string[]> {
  try {
    await runPatiently(client, detachOther);
    return [];
  } catch (error) {
    return [
      `What the adapter before has on its tables is still there (${(error as Error).message}): run it yourself: ${detachOther}`,
    ];
  }
}

/** Runs work on a connection with a session of its own, while no other migration runs. */
async function inMigration<T>(
  adminUrl: string,
  command: 'migrate' | 'detach',
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: adminUrl,
    application_name: `job-reaper ${command}`,
    connectionTimeoutMillis: CONNECT_MS,
    // An index may take hours, so statements have no limit. The keepalive checks every 10 s that the server is still there.
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEPALIVE_MS,
  });
  // When the connection breaks, the statement in progress fails and reports it.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await expectOwnSession(client, adminUrl);
    await client.query(
      `set client_min_messages = warning; set standard_conforming_strings = on;
       set quote_all_identifiers = off; set lock_timeout = '60s';
       set statement_timeout = 0; select pg_advisory_lock(${LOCK}); set lock_timeout = '10s'`,
    );
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What follows once an installation is committed. Parameters are filled in. */
interface AfterCommit {
  indexes: string | null;
  trigger: string | null;
  /** Takes trigger and indexes of the adapter before off its queue's tables, if those are others. */
  detachOther: string | null;
}

/** Everything that is not a numbered migration, in one transaction. */
async function install(
  client: pg.Client,
  given: AdapterSource | null,
  parameters: Record<string, string>,
  encoding: string,
): Promise<Omit<MigrateResult, 'applied'> & AfterCommit> {
  const { rows } = await client.query<{ adapter: string | null }>('select adapter from reaper.control');
  if (rows[0] === undefined)
    throw new Error('Expected one row in reaper.control, got none: restore it from a backup');
  const before = rows[0].adapter;
  const source = given ?? (await findInstalled(client, before));
  const notes: string[] = [];
  let isAnother = false;
  const after: AfterCommit = { indexes: null, trigger: null, detachOther: null };
  if (source !== null) {
    const stored = await readStoredAdapter(client);
    const installation = await installAdapter(client, source, before, parameters);
    const filledIn = (sql: string | null) => (sql === null ? null : fillIn(sql, installation.parameters));
    after.indexes = filledIn(source.indexes);
    after.trigger = filledIn(source.trigger);
    const detach = stored?.detach ? fillIn(stored.detach, stored.parameters) : null;
    // A newer version of the same adapter replaces its trigger in place: without it for a moment, runs would stay unknown.
    const isSamePlace =
      source.isShipped &&
      stored?.isShipped === true &&
      stored.name === source.name &&
      isDeepStrictEqual(stored.parameters, installation.parameters);
    if (detach !== filledIn(source.detach) && !isSamePlace) after.detachOther = detach;
    notes.push(...installation.notes);
    isAnother = before !== null && installation.isAnother;
  } else {
    if (Object.keys(parameters).length > 0)
      throw new Error('Expected an adapter that has parameters, got none: name it with --adapter');
    await expectView(client);
    if (before !== null) {
      notes.push(
        `The text of adapter "${before}" is not stored yet: run job-reaper migrate --adapter <its file> once.`,
      );
    }
  }
  for (const file of ['views.sql', 'grants.sql', 'settings.sql'])
    await client.query(await readSql(file, encoding));
  await raiseIds(client);
  if (source !== null || before !== null) notes.push(...(await checkView(client)));

  // Last, because claims wait for this row.
  const { rows: now } = await client.query<{ adapter: string | null; mode: 'active' | 'observe' }>(
    `update reaper.control
        set adapter = coalesce($1, adapter),
            mode = case when $2 then 'observe' when adapter is null and $3 then 'active' else mode end
      returning adapter, mode`,
    [source?.name ?? null, isAnother, source?.isShipped === true && source.name === 'reference'],
  );
  const control = now[0];
  if (control === undefined) throw new Error('Expected one row in reaper.control, got none: migrate again');
  if (isAnother) {
    notes.push(
      `This is another adapter than "${before ?? ''}", so the dry run is on: check job-reaper report, then run job-reaper activate.`,
    );
    await client.query(
      `select reaper.note_change('job-reaper migrate', 'adapter', jsonb_build_object('old', $1::text, 'new', $2::text))`,
      [before, control.adapter],
    );
  }
  return { ...control, notes, ...after };
}

async function expectView(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ isThere: boolean }>(
    `select to_regclass('reaper.running_job') is not null as "isThere"`,
  );
  if (rows[0]?.isThere) return;
  throw new Error(
    'Expected the view reaper.running_job, or the stored text of its adapter, got neither: run job-reaper migrate --adapter <name or file>',
  );
}

async function readSql(file: string, encoding: string): Promise<string> {
  return fitEncoding(await readFile(join(SQL_FOLDER, file), 'utf8'), encoding);
}

/** The same connection, with the texts of migrations fitted to what the database can store. */
function inEncoding(client: pg.Client, encoding: string): pg.Client {
  const query = (text: unknown, ...rest: unknown[]): unknown =>
    (client.query as (...all: unknown[]) => unknown).call(
      client,
      typeof text === 'string' ? fitEncoding(text, encoding) : text,
      ...rest,
    );
  return Object.create(client, { query: { value: query } }) as pg.Client;
}

function ignore(): void {
  // The caller reports what was applied; failures are thrown.
}
