import { expect, it } from 'vitest';
import { eventually } from '../support/wait.js';
import {
  bearsTheRest,
  canBeDetached,
  goesByName,
  startTwice,
  staysInItsQueue,
  worksBehindPgBouncer,
} from './behaviour.js';
import type { ObanWorld } from './oban-world.js';

/**
 * What is the same for stand-ins of Oban's nodes and for those of its library.
 *
 * @param pooled what nodes need behind PgBouncer
 */
export function servesOban(getWorld: () => ObanWorld, pooled: Record<string, string> = {}): void {
  bearsTheRest(getWorld);
  goesByName(getWorld);
  staysInItsQueue(getWorld);
  worksBehindPgBouncer(getWorld, pooled);
  canBeDetached(
    getWorld,
    (of) => `alter table ${of.table('oban_jobs')} alter column worker type character varying;
      alter table ${of.table('oban_jobs')} alter column worker type text`,
  );

  it('is not fenced: the end of the old run counts if it comes first', async () => {
    const world = getWorld();
    const { latch, first, second, id } = await startTwice(world);
    await world.done(id);
    await latch.open(2);
    await eventually('the end of the new run', async () => (await world.noted('end', id)).length === 2);
    expect(await world.noted('end', id)).toEqual([first.pid, second.pid]);
  });
}
