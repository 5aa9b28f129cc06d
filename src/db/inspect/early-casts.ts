import type { Queryable } from '../database.js';

/** A part of a query plan, as `explain (verbose, format json)` describes it. */
interface PlanNode {
  'Node Type': string;
  Output?: string[];
  Plans?: PlanNode[];
}

/** A cast of an expression to a type that does not take every text. */
const CAST = /\)::(?!text\b|character\b|"|name\b)/;

/**
 * Casts that the view computes for every row of a joined table, before it is known which rows the view shows: one value that does not
 * fit makes the whole view unreadable. Within the caller's transaction, whose planner settings it changes.
 *
 * @returns the expressions, as Postgres writes them
 */
export async function findEarlyCasts(client: Queryable): Promise<string[]> {
  // What is left of nested loops is computed for one row at a time.
  await client.query(`select set_config('enable_nestloop', 'off', true)`);
  const { rows } = await client.query<{ 'QUERY PLAN': { Plan: PlanNode }[] }>(
    'explain (verbose, format json) select * from reaper.running_job',
  );
  const plan = rows[0]?.['QUERY PLAN'][0]?.Plan;
  return plan === undefined ? [] : [...new Set(castsBelow(plan, false))].sort();
}

function castsBelow(node: PlanNode, isJoined: boolean): string[] {
  if (node['Node Type'] === 'Nested Loop') return [];
  const own = isJoined ? (node.Output ?? []).filter((expression) => CAST.test(expression)) : [];
  const isJoin = node['Node Type'].endsWith('Join');
  return [...own, ...(node.Plans ?? []).flatMap((part) => castsBelow(part, isJoined || isJoin))];
}
