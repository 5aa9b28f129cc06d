import { checkContract } from '../contract.js';
import type { Queryable } from '../database.js';
import type { AdapterSource } from './source.js';
import { readStoredAdapter, storeAdapter } from './stored.js';

/** Names of the functions that the contract knows; every adapter makes its own anew. */
const CONTRACT_FUNCTIONS = ['lock_run', 'lock_runs', 'finish', 'advance', 'has_exit_codes'];

/** What {@link installAdapter} did. */
export interface Installation {
  /** It is of another queue than the one before: what was decided for that one does not hold. */
  isAnother: boolean;
  /** What a person should know, one sentence each. */
  notes: string[];
}

/**
 * Installs an adapter, within the caller's transaction, in place of the one before, of which nothing stays.
 *
 * Another adapter is one with another name and another text, or one that reads none of the tables that the one before read: a
 * file that was moved is the same adapter, and so is a changed text under the same name.
 *
 * @throws when it does not keep the SQL contract
 */
export async function installAdapter(
  admin: Queryable,
  source: AdapterSource,
  before: string | null,
): Promise<Installation> {
  const stored = await readStoredAdapter(admin);
  const readBefore = stored?.relations ?? (await readRelations(admin));
  for (const signature of await readFunctions(admin, true)) await admin.query(`drop function ${signature}`);
  const others = await readFunctions(admin, false);
  await admin.query(source.contract);
  await checkContract(admin);

  const made = (await readFunctions(admin, false)).filter((signature) => !others.includes(signature));
  const inherited = stored?.functions ?? [];
  const isSame = isNamedLike(source, stored, before) || stored?.contract === source.contract;
  if (!isSame) await dropLeftovers(admin, inherited);
  const kept = isSame ? inherited.filter((signature) => others.includes(signature)) : [];
  const relations = await readRelations(admin);
  await storeAdapter(admin, source, [...new Set([...kept, ...made])].sort(), relations);
  const isDisjoint =
    readBefore.length > 0 && relations.length > 0 && !relations.some((name) => readBefore.includes(name));
  if (!isSame || isDisjoint) return { isAnother: true, notes: [] };
  return { isAnother: false, notes: await findStaleViews(admin, readBefore, relations) };
}

function isNamedLike(
  source: AdapterSource,
  stored: { name: string; isShipped: boolean } | null,
  before: string | null,
): boolean {
  if (stored !== null) return stored.name === source.name && stored.isShipped === source.isShipped;
  // A version before wrote down the path of a file.
  return before === null || before.replace(/^.*[/\\]/, '').replace(/\.sql$/i, '') === source.name;
}

/** Functions in schema reaper: the contract's, or all others. */
async function readFunctions(admin: Queryable, isOfContract: boolean): Promise<string[]> {
  const { rows } = await admin.query<{ signature: string }>(
    `select format('reaper.%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)) as signature
       from pg_proc p
      where p.pronamespace = 'reaper'::regnamespace and p.prokind = 'f' and (p.proname = any($1)) = $2 order by 1`,
    [CONTRACT_FUNCTIONS, isOfContract],
  );
  return rows.map(({ signature }) => signature);
}

/** Helpers of the adapter before; one that something of the user's hangs on stays. */
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
 * Views of the user's that still read a table that was renamed away: installing ours anew does not help them. A table that was
 * read under a name before, is still there under it, and is read no more.
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
      `Does ${view} still read ${name}? It does not now: if that table was swapped, make the view anew and migrate again.`,
  );
}
