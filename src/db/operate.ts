import type { Queryable } from './database.js';
import { withStorableText, type Fit } from './storable-text.js';
import type { Operation } from '../domain/operation.js';

/**
 * Writes an operator's request to Postgres. Once it has returned, no claim that contradicts it can commit.
 *
 * @returns false if there was nothing to release
 * @throws with SQLSTATE RP002 for a host or boot whose probe still answers, and for a replaced host that does not have exactly one
 *   probe
 */
export function operate(pool: Queryable, operation: Operation): Promise<boolean> {
  return withStorableText(async (fit) => {
    const { call, values } = callOf(operation, fit);
    const { rows } = await pool.query<{ done: unknown }>(`select ${call} as done`, values);
    return rows[0]?.done !== false;
  });
}

/**
 * {@link operate}, once for each key, however often it is called: what was written, and whose answer was lost, is not written again over
 * what somebody else has written since.
 *
 * @param key names the request
 * @returns false if it was already written, too
 */
export function operateOnce(pool: Queryable, key: string, operation: Operation): Promise<boolean> {
  return withStorableText(async (fit) => {
    const { call, values } = callOf(operation, fit);
    // One statement, so that no claim waits for this process in between.
    const { rows } = await pool.query<{ done: unknown }>(
      `select ${call} as done
         from (select reaper.note_request($${values.length + 1}) as is_new offset 0) request
        where is_new`,
      [...values, key],
    );
    return rows[0] !== undefined && rows[0].done !== false;
  });
}

/** The SQL function that writes a request, and its arguments. */
function callOf(operation: Operation, fit: Fit): { call: string; values: unknown[] } {
  const by = fit(operation.by);
  switch (operation.action) {
    case 'pause':
      return { call: 'reaper.pause($1, $2)', values: [fit(operation.reason), by] };
    case 'resume':
      return { call: 'reaper.resume($1)', values: [by] };
    case 'observe':
      return { call: 'reaper.set_mode($1, $2)', values: ['observe', by] };
    case 'activate':
      return { call: 'reaper.set_mode($1, $2)', values: ['active', by] };
    case 'hold': {
      const { kind, value, reason, seconds } = operation;
      return {
        call: 'reaper.put_hold($1, $2, $3, $4, $5)',
        values: [kind, value, fit(reason), by, seconds],
      };
    }
    case 'release':
      return { call: 'reaper.release_hold($1, $2, $3)', values: [operation.kind, operation.value, by] };
    case 'host-gone': {
      const declare = operation.replaced === true ? 'declare_host_replaced' : 'declare_host_gone';
      return { call: `reaper.${declare}($1, $2)`, values: [operation.host, by] };
    }
    case 'boot-gone':
      return { call: 'reaper.declare_boot_gone($1, $2)', values: [operation.boot, by] };
  }
}
