import type { Queryable } from '../database.js';
import { readShipped, SHIPPED_ADAPTERS, type AdapterSource } from './source.js';

/** The current adapter, as it was installed. */
export interface StoredAdapter extends AdapterSource {
  /** Signatures of the functions in schema reaper that it created besides the contract's. */
  functions: string[];
  /** The values of its parameters. */
  parameters: Record<string, string>;
  /** The user's relations that it read at that time, by name. */
  relations: string[];
}

/** Reads what is installed, for the owner of schema reaper; null if an older version installed it, which stored no text. */
export async function readStoredAdapter(admin: Queryable): Promise<StoredAdapter | null> {
  const { rows } = await admin.query<StoredAdapter>(
    `select name, is_shipped as "isShipped", contract, indexes, trigger, detach, parameters, functions, relations from reaper.adapter`,
  );
  return rows[0] ?? null;
}

/** Stores what was installed, for the next migration. */
export async function storeAdapter(
  admin: Queryable,
  { name, isShipped, contract, indexes, trigger, detach }: AdapterSource,
  parameters: Record<string, string>,
  functions: readonly string[],
  relations: readonly string[],
): Promise<void> {
  await admin.query(
    `insert into reaper.adapter (name, is_shipped, contract, indexes, functions, relations, parameters, trigger, detach, relation_ids)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9,
             array(select to_regclass(r.name)::oid from unnest($6::text[]) with ordinality r(name, n) order by n))
     on conflict (only_row) do update
       set name = excluded.name, is_shipped = excluded.is_shipped, contract = excluded.contract, indexes = excluded.indexes,
           parameters = excluded.parameters, functions = excluded.functions, relations = excluded.relations, relation_ids = excluded.relation_ids,
           trigger = excluded.trigger, detach = excluded.detach,
           detached_at = null, detached_by = null,
           installed_at = excluded.installed_at, installed_by = excluded.installed_by`,
    [name, isShipped, contract, indexes, functions, relations, parameters, trigger, detach],
  );
}

/**
 * The adapter that a migration without a new one reinstalls: a shipped one in this version, any other as it was installed; null if
 * there is none, or its text is not stored.
 *
 * @param name from the control row
 */
export async function findInstalled(admin: Queryable, name: string | null): Promise<AdapterSource | null> {
  const stored = await readStoredAdapter(admin);
  if (stored !== null) return stored.isShipped ? readShipped(stored.name) : stored;
  return name !== null && SHIPPED_ADAPTERS.includes(name) ? readShipped(name) : null;
}
