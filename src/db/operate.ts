import type { Database, Queryable } from './database.js';
import { withStorableText, type Fit } from './storable-text.js';
import { inTransaction } from './transaction.js';
import type { Operation } from '../domain/operation.js';

/**
 * Writes an operator's request to Postgres. Once it has returned, no claim that contradicts it can commit.
 *
 * @returns false if there was nothing to release
 * @throws with SQLSTATE RP002 for a host or boot whose probe still answers, and for a replaced host that does not have exactly one
 *   probe
 */
export function operate(pool: Queryable, operation: Operation): Promise<boolean> {
  return withStorableText((fit) => write(pool, fitTexts(operation, fit)));
}

async function write(pool: Queryable, operation: Operation): Promise<boolean> {
  const { by } = operation;
  switch (operation.action) {
    case 'pause':
      await pool.query('select reaper.pause($1, $2)', [operation.reason, by]);
      return true;
    case 'resume':
      await pool.query('select reaper.resume($1)', [by]);
      return true;
    case 'observe':
      await pool.query('select reaper.set_mode($1, $2)', ['observe', by]);
      return true;
    case 'activate':
      await pool.query('select reaper.set_mode($1, $2)', ['active', by]);
      return true;
    case 'hold': {
      const { kind, value, reason, seconds } = operation;
      await pool.query('select reaper.put_hold($1, $2, $3, $4, $5)', [kind, value, reason, by, seconds]);
      return true;
    }
    case 'release': {
      const { rows } = await pool.query<{ released: boolean }>(
        'select reaper.release_hold($1, $2, $3) as released',
        [operation.kind, operation.value, by],
      );
      return rows[0]?.released ?? false;
    }
    case 'host-gone':
      await pool.query(
        operation.replaced === true
          ? 'select reaper.declare_host_replaced($1, $2)'
          : 'select reaper.declare_host_gone($1, $2)',
        [operation.host, by],
      );
      return true;
    case 'boot-gone':
      await pool.query('select reaper.declare_boot_gone($1, $2)', [operation.boot, by]);
      return true;
  }
}

/**
 * {@link operate}, once for each key, however often it is called: what was written, and whose answer was lost, is not written again over
 * what somebody else has written since.
 *
 * @param key names the request
 * @returns false if it was already written, too
 */
export function operateOnce(pool: Database, key: string, operation: Operation): Promise<boolean> {
  return withStorableText((fit) =>
    inTransaction(pool, async (connection) => {
      const { rows } = await connection.query<{ isNew: boolean }>(
        'select reaper.note_request($1) as "isNew"',
        [key],
      );
      return rows[0]?.isNew === true ? write(connection, fitTexts(operation, fit)) : false;
    }),
  );
}

function fitTexts<T extends Operation>(operation: T, fit: Fit): T {
  const reason = 'reason' in operation ? { reason: fit(operation.reason) } : {};
  return { ...operation, ...reason, by: fit(operation.by) };
}
