import { ApplicationFailure } from '@temporalio/activity';
import { createHold, holdSettling } from '../support/hold.js';
import { insertManyRuns } from '../support/many-runs.js';
import { aMinuteLater } from '../support/old-looks.js';
import { eventually } from '../support/wait.js';
import type { Story } from './stories.js';
import type { World } from './world.js';

const seeAll = (world: World, count: number, sighting: 'dead' | 'unknown' = 'dead') => {
  for (let n = 1; n <= count; n += 1) world.see(`job-${n}`, sighting);
};

/** So many processes that each run has its own. */
const processes = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ pid: 1_000 + n, processIdentity: null }));

/** Paths of `watchHost`, by the names of their fixtures. */
export const hostWatchStories: Record<string, Story> = {
  'host-watch': async (world) => {
    await insertManyRuns(world.db.admin, { count: 5, processes: processes(7) });
    await insertManyRuns(world.db.admin, { prefix: 'over', count: 2, startedS: 8_000 });
    await insertManyRuns(world.db.admin, { prefix: 'code', count: 2, exit: { code: 4, agoS: 60 } });
    await insertManyRuns(world.db.admin, {
      prefix: 'unclear',
      count: 2,
      startedS: 8_000,
      processes: [{ pid: 77, processIdentity: 'linux::x:1:1' }],
    });
    await world.startBlind();
    seeAll(world, 4);
    world.see('unclear-1', 'unknown');
    world.see('unclear-2', 'unknown');
    await world.keepHostWatch('host-1', { pageSize: 4 }, ({ claimed }) => claimed > 6);
  },
  'host-watch-continued-as-new': async (world) => {
    await insertManyRuns(world.db.admin, { count: 6, processes: processes(6) });
    await world.startBlind();
    seeAll(world, 6);
    const input = { pageSize: 2, pages: 1, continueAfterWaves: 1 };
    await world.keepHostWatch('host-1', input, ({ claimed }) => claimed === 6);
  },
  'host-watch-paused': async (world) => {
    await insertManyRuns(world.db.admin, { count: 4, processes: processes(4) });
    await world.startBlind({
      jobs: (real) => ({
        async settlePage(page) {
          await world.sql(`select reaper.pause('deploy', 'op')`);
          return real.settlePage(page);
        },
      }),
    });
    seeAll(world, 4);
    await world.keepHostWatch('host-1', { pageSize: 2, pages: 1 }, ({ stopped }) => stopped !== null);
  },
  'host-watch-without-a-probe': async (world) => {
    await insertManyRuns(world.db.admin, { count: 3, host: 'host-9', processes: processes(3) });
    await world.startBlind();
    await world.sql(`select reaper.declare_host_gone('host-9', 'op')`);
    await world.keepHostWatch('host-9', {}, ({ claimed }) => claimed === 3);
  },
  'host-watch-of-no-host': async (world) => {
    await insertManyRuns(world.db.admin, { count: 3, host: null, startedS: 8_000 });
    await world.startBlind();
    await world.keepHostWatch(null, {}, ({ claimed }) => claimed === 3);
  },
  'host-watch-with-a-boot-that-was-declared-gone': async (world) => {
    const boot = '11111111-2222-3333-4444-555555555555';
    const processIdentity = `linux::${boot}:4026531836:77`;
    await insertManyRuns(world.db.admin, { count: 3, processes: [{ pid: 77, processIdentity }] });
    await world.startBlind();
    seeAll(world, 3, 'unknown');
    await world.sql(`select reaper.declare_boot_gone('${boot}', 'op')`);
    await world.keepHostWatch('host-1', {}, ({ claimed }) => claimed === 3);
  },
  'host-watch-that-looks-again': async (world) => {
    await insertManyRuns(world.db.admin, { count: 3, processes: processes(3) });
    let settles = 0;
    await world.startBlind({
      jobs: (real) => ({
        settlePage(page) {
          settles += 1;
          return real.settlePage(settles === 1 ? aMinuteLater(page) : page);
        },
      }),
    });
    seeAll(world, 3);
    await world.keepHostWatch('host-1', {}, ({ claimed }) => claimed === 3);
  },
  'host-watch-whose-activities-fail': async (world) => {
    await insertManyRuns(world.db.admin, { count: 4, processes: processes(4) });
    let pages = 0;
    await world.startBlind({
      jobs: (real) => ({
        settlePage() {
          throw ApplicationFailure.nonRetryable('no database', 'Refused');
        },
        planHostWave(...args) {
          pages += 1;
          if (pages > 1) throw ApplicationFailure.nonRetryable('no database', 'Refused');
          return real.planHostWave(...args);
        },
      }),
    });
    seeAll(world, 4);
    await world.keepHostWatch('host-1', { pageSize: 2, pages: 1 }, ({ left }) => left === 3);
  },
};

/** Paths of `jobReaper` about host watches, by the names of their fixtures. */
export const reaperStormStories: Record<string, Story> = {
  'host-watches': async (world) => {
    await insertManyRuns(world.db.admin, { count: 6, processes: processes(6) });
    await insertManyRuns(world.db.admin, { prefix: 'good', count: 3, exit: { code: 0, agoS: 60 } });
    seeAll(world, 6);
    await world.start({ policy: { intervalS: 1, watchAllLimit: 0, batchAbove: 2 } });
    // What the host watch left got single watches.
    await world.sweepUntil('nothing to be done', ({ running }) => running === 0);
    await world.keepReaper();
  },
  'host-watches-carried-over': async (world) => {
    await insertManyRuns(world.db.admin, { count: 4, processes: processes(4) });
    seeAll(world, 4);
    const { jobs, letGo } = holdSettling();
    await world.start({
      policy: { intervalS: 1, watchAllLimit: 0, batchAbove: 2 },
      input: { continueAfterSweeps: 2 },
      jobs,
    });
    await world.sweepUntil('a host watch', ({ hostsWatched }) => hostsWatched?.count === 1);
    for (let n = 0; n < 4; n += 1) await world.sweepUntil('a sweep', () => true);
    letGo();
    await world.sweepUntil('nothing to be done', ({ running }) => running === 0);
    await world.keepReaper();
  },
  'host-watch-ends-after-the-scan': async (world) => {
    await insertManyRuns(world.db.admin, { count: 4, host: 'host-9', processes: processes(4) });
    const [claims, answer] = [holdSettling(), createHold()];
    let scans = 0;
    await world.start({
      policy: { intervalS: 1, watchAllLimit: 0, batchAbove: 2 },
      jobs: (real) => ({
        ...claims.jobs(real),
        async scan(...args) {
          const found = await real.scan(...args);
          scans += 1;
          if (scans > 1 && found.symptoms.items.length === 4) {
            claims.letGo();
            await answer.pass;
          }
          return found;
        },
      }),
    });
    await world.sql(`select reaper.declare_host_gone('host-9', 'op')`);
    const swept = world.sweepUntil('nothing to be done', ({ running }) => running === 0);
    await eventually('the end of the host watch', async () => {
      const { events } = await world.reaper.handle.fetchHistory();
      return events?.some((event) => event.childWorkflowExecutionCompletedEventAttributes) === true;
    });
    answer.letGo();
    await swept;
    await world.keepReaper();
  },
};
