import type { Queryable } from '../../src/db/database.js';

/**
 * Moves a task from one stage to the next.
 *
 * @returns false if it is no longer in the first one: it has already been moved on
 */
export async function advanceTask(
  client: Queryable,
  taskId: string,
  fromStage: string,
  toStage: string,
): Promise<boolean> {
  const { rowCount } = await client.query('update public.tasks set stage = $3 where id = $1 and stage = $2', [
    taskId,
    fromStage,
    toStage,
  ]);
  return rowCount === 1;
}
