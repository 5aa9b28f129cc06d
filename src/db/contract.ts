import type { Queryable } from './database.js';

/** Functions that every adapter provides, with what they return. */
const FUNCTIONS = [
  { signature: 'reaper.lock_run(text, text)', returns: 'SETOF reaper.running_job' },
  { signature: 'reaper.finish(text, text, text, text)', returns: 'boolean' },
];

/**
 * Checks that the installed adapter keeps the SQL contract. The view's columns need no check: Postgres refuses to replace
 * the view by one with others.
 *
 * @throws with everything that is wrong
 */
export async function checkContract(client: Queryable): Promise<void> {
  const mistakes: string[] = [];
  for (const { signature, returns } of FUNCTIONS) {
    const { rows } = await client.query<{ returns: string | null; body: string }>(
      `select pg_get_function_result(oid) as returns, prosrc as body from pg_proc where oid = to_regprocedure($1)`,
      [signature],
    );
    const found = rows[0];
    if (found?.returns !== returns) {
      mistakes.push(
        `${signature}: expected it to return ${returns}, got ${found?.returns ?? 'no such function'}`,
      );
    } else if (found.body.includes('no adapter is installed')) {
      mistakes.push(`${signature}: expected the adapter to replace the placeholder, got the placeholder`);
    }
  }
  if (mistakes.length > 0) {
    throw new Error(`Expected an adapter that keeps the SQL contract, got:\n  ${mistakes.join('\n  ')}`);
  }
}
