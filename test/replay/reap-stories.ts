import { reapNowUpdate } from '../../src/workflows/messages.js';
import { countCompleted } from '../support/completed.js';
import { createHold } from '../support/hold.js';
import { insertRunningJob } from '../support/rows.js';
import { eventually } from '../support/wait.js';
import type { Story } from './stories.js';
import type { World } from './world.js';

const SLOW = { intervalS: 600 };

/** Two operators ask to reap one live run, and its watch does not get as far as looking until it is let go. */
async function askTwice(world: World) {
  await insertRunningJob(world.db.admin, { id: 'j1' });
  const { pass, letGo } = createHold();
  const { handle } = await world.start({
    policy: { ...SLOW, watchAllLimit: 0 },
    jobs: (real) => ({
      async observeRun(ref) {
        await pass;
        return real.observeRun(ref);
      },
    }),
  });
  await world.reaper.sweepNow();
  const reap = () =>
    handle.startUpdate(reapNowUpdate, { args: [{ job_id: 'j1' }], waitForStage: 'ACCEPTED' });
  const asked = [await reap(), await reap()];
  await eventually('both runs found', async () => (await countCompleted(handle, 'findRun')) === 2);
  return { letGo, answers: () => Promise.all(asked.map((update) => update.result())) };
}

/** Paths of `jobReaper` on which operators reap, by the names of their fixtures. */
export const reapStories: Record<string, Story> = {
  'operator-reaps': async (world) => {
    await insertRunningJob(world.db.admin, { id: 'dead' });
    await insertRunningJob(world.db.admin, { id: 'live' });
    world.see('dead', 'dead');
    const { handle } = await world.start({ policy: { ...SLOW, watchAllLimit: 0 } });
    for (const job_id of ['dead', 'live', 'none']) {
      await handle.executeUpdate('reapNow', { args: [{ job_id }] }).catch(() => undefined);
    }
    await world.keepReaper();
  },
  'operators-reap-one-at-once': async (world) => {
    const { letGo, answers } = await askTwice(world);
    letGo();
    await answers();
    await world.keepReaper();
  },
  'operators-reap-unanswered': async (world) => {
    const { letGo, answers } = await askTwice(world);
    // The first is given up after a minute, and the second at once after it.
    await answers();
    letGo();
    await world.keepReaper();
  },
  'operator-reaps-before-the-first-sweep': async (world) => {
    const { pass, letGo } = createHold();
    await insertRunningJob(world.db.admin, { id: 'j1', startedS: 70, exitCode: 1, exitedS: 60 });
    const { handle } = await world.start({
      policy: { ...SLOW, watchAllLimit: 0 },
      jobs: (real) => ({
        async scan(...args) {
          await pass;
          return real.scan(...args);
        },
      }),
    });
    const reaped = handle.executeUpdate(reapNowUpdate, { args: [{ job_id: 'j1' }] });
    await eventually('the run found', async () => (await countCompleted(handle, 'findRun')) === 1);
    letGo();
    await reaped;
    await world.keepReaper();
  },
};
