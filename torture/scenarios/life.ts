import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { processIdentity } from '../../src/liveness/index.js';
import { begin, claimOf, expectSoon, killBoth, watchesOf, seenDead, storyHas } from './scene.js';
import type { Scenario } from './scenario.js';

/** Processes that live. */
export const life: readonly Scenario[] = [
  {
    name: 'dead, alive, dead',
    about: 'a row whose process was seen dead is stamped with a live one, which is then killed',
    terms: { intervalS: 3 },
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await seenDead(world, victim);
      const other = spawn('sleep', ['600'], { stdio: 'ignore' });
      const pid = other.pid ?? 0;
      await world.admin.query('update public.jobs set pid = $2, process_identity = $3 where id = $1', [
        victim.jobId,
        pid,
        processIdentity(pid),
      ]);
      await expectSoon('the watch to see it alive', () => storyHas(world, victim, `seen alive: pid ${pid}`));
      other.kill('SIGKILL');
      await claimOf(world, victim);
      await watchesOf(world, victim.jobId);
    },
  },
  {
    name: "a stranger's probe",
    about: 'the probe may not signal the agent, which is alive',
    async play(world) {
      await begin(world, { id: 'lasting-1', host: 'south' });
      await setTimeout(6 * world.terms.intervalS * 1000);
    },
  },
  {
    name: 'a launcher started again',
    about: 'the launcher is killed and started again, while the agent of one of its runs is alive',
    async play(world) {
      await begin(world, { id: 'lasting-1', host: 'north' });
      const [launcher] = world.launchers;
      await launcher?.service.kill();
      launcher?.service.start();
      await setTimeout(8_000);
    },
  },
  {
    name: 'over its ceiling',
    about: 'an agent that is proven alive works beyond its ceiling',
    terms: { ceilingS: 6 },
    async play(world) {
      await begin(world, { id: 'lasting-1', host: 'north' });
      await setTimeout(10_000);
    },
  },
];
