import type { Database, Queryable } from '../database.js';
import { inTransaction } from '../transaction.js';

/** A table that a scan reads as a whole because no index helps. */
export interface WholeRead {
  table: string;
  /** The planner's estimate. */
  rows: number;
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  Schema?: string;
  Plans?: PlanNode[];
}

/** How sweeps and probes query the view. */
const SCANS = [
  'select count(*) from reaper.running_job',
  `select * from reaper.running_job where host = 'x'`,
  'select * from reaper.running_job where exit_code is not null',
];

/** Finds the user's tables that the scans can only read as a whole. Plans the scans; runs none. */
export async function findWholeReads(pool: Database): Promise<WholeRead[]> {
  return inTransaction(pool, planScans, { begin: 'begin read only', end: 'rollback' });
}

async function planScans(connection: Queryable): Promise<WholeRead[]> {
  // Small tables are read as a whole even if there is an index. With this, only if there is none.
  await connection.query('set local enable_seqscan = off');
  const found = new Map<string, WholeRead>();
  for (const scan of SCANS) {
    const { rows } = await connection.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
      `explain (format json, verbose) ${scan}`,
    );
    for (const { Schema: schema = '', 'Relation Name': name = '' } of wholeReads(
      rows[0]?.['QUERY PLAN'][0].Plan,
    )) {
      if (schema !== 'reaper') found.set(`${schema}.${name}`, { table: `${schema}.${name}`, rows: 0 });
    }
  }
  for (const read of found.values()) {
    const [schema = '', name = ''] = read.table.split('.');
    const { rows } = await connection.query<{ rows: number }>(
      `select greatest(c.reltuples, 0)::bigint as rows from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = $2`,
      [schema, name],
    );
    read.rows = rows[0]?.rows ?? 0;
  }
  return [...found.values()];
}

function wholeReads(node: PlanNode | undefined): PlanNode[] {
  if (node === undefined) return [];
  const below = (node.Plans ?? []).flatMap(wholeReads);
  return node['Node Type'] === 'Seq Scan' ? [node, ...below] : below;
}
