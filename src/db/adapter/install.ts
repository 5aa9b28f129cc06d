import pg from 'pg';
import { checkContract } from '../contract.js';
import type { Queryable } from '../database.js';
import { fillIn, valuesOf } from './parameters.js';
import type { AdapterSource } from './source.js';
import { readStoredAdapter, storeAdapter } from './stored.js';

/** Names of the contract's functions; every adapter creates its own. */
const CONTRACT_FUNCTIONS = [
  'lock_run',
  'lock_runs',
  'finish',
  'advance',
  'has_exit_codes',
  'open_jobs',
  'own_rescue',
];

/** What {@link installAdapter} did. */
export interface Installation {
  /** It serves another queue than the previous adapter: decisions made for that one do not apply. */
  isAnother: boolean;
  /** The values of its parameters. */
  parameters: Record<string, string>;
  /** What a person should know, one sentence each. */
  notes: string[];
}

/**
 * Installs an adapter, within the caller's transaction, and removes the previous one completely.
 *
 * It counts as another adapter if both name and text differ, or if it reads none of the tables that the previous one read. A file
 * that was moved is the same adapter, and so is a changed text under the same name.
 *
 * @param given parameters; all others keep the value that they had, for the same adapter
 * @throws if it does not keep the SQL contract, or has no such parameter
 */
export async function installAdapter(
  admin: Queryable,
  source: AdapterSource,
  before: string | null,
  given: Record<string, string>,
): Promise<Installation> {
  const stored = await readStoredAdapter(admin);
  const isNamed = isNamedLike(source, stored, before);
  const parameters = valuesOf(source.name, source.contract, isNamed ? (stored?.parameters ?? {}) : {}, given);
  const readBefore = stored?.relations ?? (await readRelations(admin));
  for (const signature of await readFunctions(admin, true)) await admin.query(`drop function ${signature}`);
  const others = await readFunctions(admin, false);
  await execute(admin, source, parameters);
  await checkContract(admin);

  const made = (await readFunctions(admin, false)).filter((signature) => !others.includes(signature));
  const inherited = stored?.functions ?? [];
  const isSame = isNamed || stored?.contract === source.contract;
  if (!isSame) await dropLeftovers(admin, inherited);
  const kept = isSame ? inherited.filter((signature) => others.includes(signature)) : [];
  const relations = await readRelations(admin);
  await storeAdapter(admin, source, parameters, [...new Set([...kept, ...made])].sort(), relations);
  const isDisjoint =
    readBefore.length > 0 && relations.length > 0 && !relations.some((name) => readBefore.includes(name));
  if (!isSame || isDisjoint) return { isAnother: true, parameters, notes: [] };
  return { isAnother: false, parameters, notes: await findStaleViews(admin, readBefore, relations) };
}

async function execute(
  admin: Queryable,
  { name, contract }: AdapterSource,
  parameters: Record<string, string>,
): Promise<void> {
  try {
    await admin.query(fillIn(contract, parameters));
  } catch (error) {
    // Class 42: what it names does not exist, or cannot be used like this.
    if (!(error instanceof pg.DatabaseError) || !error.code?.startsWith('42')) throw error;
    const todo =
      'schema' in parameters
        ? 'have the queue create its tables first, name their schema with --schema, or choose the adapter of this queue'
        : 'choose the adapter of this queue, or correct it';
    throw new Error(
      `Expected adapter "${name}" to be installed, got "${error.message}": ${todo} (docs/sql-contract.md)`,
      { cause: error },
    );
  }
}

function isNamedLike(
  source: AdapterSource,
  stored: { name: string; isShipped: boolean } | null,
  before: string | null,
): boolean {
  if (stored !== null) return stored.name === source.name && stored.isShipped === source.isShipped;
  // An older version stored the path of a file.
  return before === null || before.replace(/^.*[/\\]/, '').replace(/\.sql$/i, '') === source.name;
}

/** Functions in schema reaper: those of the contract, or all others. */
async function readFunctions(admin: Queryable, isOfContract: boolean): Promise<string[]> {
  const { rows } = await admin.query<{ signature: string }>(
    `select format('reaper.%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) as signature
       from pg_proc p
      where p.pronamespace = 'reaper'::regnamespace and p.prokind = 'f' and (p.proname = any($1)) = $2 order by 1`,
    [CONTRACT_FUNCTIONS, isOfContract],
  );
  return rows.map(({ signature }) => signature);
}

/** Drops helpers of the previous adapter. One that the user's objects depend on stays. */
async function dropLeftovers(admin: Queryable, signatures: readonly string[]): Promise<void> {
  for (const signature of signatures) {
    await admin.query('savepoint leftover');
    try {
      await admin.query(`drop function if exists ${signature}`);
    } catch {
      await admin.query('rollback to savepoint leftover');
    }
    await admin.query('release savepoint leftover');
  }
}

async function readRelations(admin: Queryable): Promise<string[]> {
  const { rows } = await admin.query<{ name: string }>(
    `select distinct name from reaper.behind_adapter() where kind = 'relation' order by 1`,
  );
  return rows.map(({ name }) => name);
}

/**
 * The user's views that still read a table that was renamed away; installing ours again does not help them. The sign is a table that
 * was read by its name before, still exists with that name, and is no longer read.
 */
async function findStaleViews(
  admin: Queryable,
  before: readonly string[],
  now: readonly string[],
): Promise<string[]> {
  const { rows } = await admin.query<{ name: string; view: string }>(
    `select b.name, string_agg(distinct v.name, ', ') as view
       from unnest($1::text[]) b(name)
       join reaper.behind_adapter() v on v.kind = 'relation'
       join pg_class c on c.oid = v.id and c.relkind in ('v', 'm')
      where to_regclass(b.name) is not null and b.name <> all($2)
        and v.name = any($1)
      group by b.name`,
    [before, now],
  );
  return rows.map(
    ({ name, view }) =>
      `Does ${view} still read ${name}? It no longer does: if that table was swapped, recreate the view and migrate again.`,
  );
}
