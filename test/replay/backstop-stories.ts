import { insertRunningJob } from '../support/rows.js';
import type { Story } from './stories.js';

/** Seconds that runs of these stories may take, and a run that takes longer. */
const policy = { maxRunningS: 100 };
const OVER = { id: 'j1', startedS: 200 };
const STAMPED = { ...OVER, processIdentity: 'scripted' };

/** Paths of `watchJob` where one look proves nothing, by the names of their fixtures. */
export const backstopStories: Record<string, Story> = {
  'over-ceiling-within-grace': async (world) => {
    const run = await insertRunningJob(world.db.admin, { ...OVER, exitCode: 1, exitedS: 0 });
    await world.start({ policy: { ...policy, finalizeGraceS: 3 } });
    await world.keepWatch(run, 'queued');
  },
  'over-ceiling-dead': async (world) => {
    const run = await insertRunningJob(world.db.admin, OVER);
    world.see('j1', 'dead');
    await world.start({ policy });
    await world.keepWatch(run, 'queued');
  },
  'over-ceiling-unknown-again': async (world) => {
    const run = await insertRunningJob(world.db.admin, STAMPED);
    world.see('j1', 'unknown');
    await world.start({ policy });
    await world.keepWatch(run, 'queued');
  },
  'alerted-then-unknown': async (world) => {
    const run = await insertRunningJob(world.db.admin, STAMPED);
    await world.start({ policy });
    await world.until(run, 'parked', 'alerted: proven alive');
    world.see('j1', 'unknown');
    await world.watch(run).signal('poke', { why: 'look', park: true });
    await world.until(run, 'parked', 'alerted: it is unknown');
    await world.sql(`update jobs set status = 'done'`);
    await world.keepWatch(run, 'ended by itself');
  },
  'exit-code-of-the-run-before': async (world) => {
    const run = await insertRunningJob(world.db.admin, {
      id: 'j1',
      startedS: 100,
      exitCode: 0,
      exitedS: 400,
    });
    await world.start();
    await world.until(run, 'parked');
    await world.watch(run).signal('poke', { why: 'look', park: true });
    await world.until(run, 'parked', 'seen alive');
    world.see('j1', 'dead');
    await world.keepWatch(run, 'queued');
  },
};
