import { insertRunningJob } from '../support/rows.js';
import type { Story } from './stories.js';

/** Seconds that runs of these stories may take, and a run that takes longer. */
const policy = { maxRunningS: 100 };
const OVER = { id: 'j1', startedS: 200 };

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
};
