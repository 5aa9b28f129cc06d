import type { Queryable } from './database.js';

/** The functions that adapters provide, and what they return: one of these. */
const FUNCTIONS = [
  { signature: 'reaper.lock_run(text, text)', returns: ['SETOF reaper.running_job'], isOptional: false },
  { signature: 'reaper.lock_runs(text[])', returns: ['SETOF text'], isOptional: true },
  { signature: 'reaper.finish(text, text, text, text)', returns: ['boolean', 'text'], isOptional: false },
  { signature: 'reaper.advance(text, text, text, text, text)', returns: ['boolean'], isOptional: true },
  { signature: 'reaper.has_exit_codes()', returns: ['boolean'], isOptional: true },
  { signature: 'reaper.open_jobs(text[])', returns: ['SETOF record'], isOptional: true },
  { signature: 'reaper.own_rescue()', returns: ['SETOF record'], isOptional: true },
];

/** The view's columns, in order. */
const COLUMNS =
  'job_id text, run_key text, run_id text, task_id text, agent text, repo text, host text, pid bigint, process_identity text, ' +
  'attempts integer, max_attempts integer, max_running_s bigint, started_at timestamp with time zone, exit_code integer, ' +
  'finished_at timestamp with time zone, branch text, stage text, job_stage text, work_item text';

/**
 * Checks that the installed adapter keeps the SQL contract.
 *
 * @throws with everything that is wrong
 */
export async function checkContract(client: Queryable): Promise<void> {
  const mistakes: string[] = [];
  const { rows: views } = await client.query<{ columns: string | null }>(
    `select string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' order by attnum) as columns
       from pg_attribute where attrelid = to_regclass('reaper.running_job') and attnum > 0 and not attisdropped`,
  );
  const columns = views[0]?.columns ?? 'no such view';
  if (columns !== COLUMNS) {
    mistakes.push(`reaper.running_job: expected the columns (${COLUMNS}), got ${columns}`);
  }
  for (const { signature, returns, isOptional } of FUNCTIONS) {
    const { rows } = await client.query<{ returns: string | null; body: string }>(
      `select case when p.proretset then 'SETOF ' else '' end
                || case n.nspname when 'pg_catalog' then format_type(t.oid, null)
                                  else format('%I.%I', n.nspname, t.typname) end as returns,
              p.prosrc as body
         from pg_proc p join pg_type t on t.oid = p.prorettype join pg_namespace n on n.oid = t.typnamespace
        where p.oid = to_regprocedure($1)`,
      [signature],
    );
    const found = rows[0];
    if (found === undefined && isOptional) continue;
    if (found === undefined || !returns.includes(found.returns ?? '')) {
      mistakes.push(
        `${signature}: expected it to return ${returns.join(' or ')}, got ${found?.returns ?? 'no such function'}`,
      );
    } else if (found.body.includes('no adapter is installed')) {
      mistakes.push(`${signature}: expected the adapter to replace the placeholder, got the placeholder`);
    }
  }
  if (mistakes.length > 0) {
    throw new Error(`Expected an adapter that keeps the SQL contract, got:\n  ${mistakes.join('\n  ')}`);
  }
}
