import { setTimeout } from 'node:timers/promises';
import { processIdentity } from '../../../src/liveness/index.js';
import { spawn } from 'node:child_process';
import { loseCommit } from '../faults/connections.js';
import { findClaimBehind } from '../faults/late.js';
import { FAULTS } from '../faults/index.js';
import { killAgent, send, type Victim } from '../faults/victims.js';
import { Random } from '../random.js';
import type { World } from '../world/world.js';
import {
  begin,
  claimOf,
  endOf,
  expectSoon,
  killBoth,
  pastRepairMs,
  refOf,
  startTwin,
  watchesOf,
} from './scene.js';
import { whileLocked } from './while-locked.js';
import type { Scenario } from './scenario.js';

/** Interleavings that are forced, each with the processes of the real world. */
export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'a zombie',
    about: 'agent and monitor are killed; the watch is left to end',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await claimOf(world, victim);
      await watchesOf(world, victim.jobId);
    },
  },
  {
    name: 'a zombie, and time',
    about: 'agent and monitor are killed; the time for the repair goes by',
    needsRepair: true,
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await setTimeout(pastRepairMs(world));
    },
  },
  {
    name: 'a lost answer',
    about: 'the connection of a claim breaks just after its COMMIT',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      const [worker] = world.workers;
      if (worker === undefined) return;
      const lost = loseCommit(worker.proxy, 'reaper.claim(', () => undefined);
      killBoth(world, victim);
      await lost;
      await watchesOf(world, victim.jobId);
    },
  },
  {
    name: 'a late exit code',
    about: 'an exit code is recorded while the claim waits for the row',
    play: (world) => playFault(world, 'late exit code, right before the claim'),
  },
  {
    name: 'a late finalizer',
    about: 'a monitor finalizes while the claim waits for the row behind it',
    play: (world) => playFault(world, 'late finalizer, right before the claim'),
  },
  {
    name: 'a green exit 0',
    about: 'the agent delivers and exits with 0; its monitor is killed after it recorded that',
    async play(world) {
      const victim = await exitUnfinalized(world, 'prompt-1');
      await claimOf(world, victim);
      await watchesOf(world, victim.jobId);
    },
  },
  {
    name: 'a red exit 0',
    about: 'the agent exits with 0 and has delivered nothing; its monitor is killed after it recorded that',
    async play(world) {
      const victim = await exitUnfinalized(world, 'careless-1');
      await claimOf(world, victim);
    },
  },
  {
    name: 'a pause overtakes a claim',
    about: 'the claim waits for its task behind the control row, and a pause is sent',
    async play(world) {
      const victim = await exitUnfinalized(world, 'prompt-1');
      await whileLocked(world, 'select from tasks for update', async (pid) => {
        await expectSoon('a claim behind the task', () => findClaimBehind(world, pid));
        await world.operator.pause();
      });
      await setTimeout(3 * world.terms.intervalS * 1000);
      await world.facts.read();
      await world.operator.resume();
      await claimOf(world, victim);
    },
  },
  {
    name: 'a pause while a streak runs',
    about: 'the process was seen dead once, then everything is paused',
    terms: { intervalS: 3 },
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await seenDead(world, victim);
      await world.operator.pause();
      await setTimeout(4 * world.terms.intervalS * 1000);
      await world.operator.resume();
      await claimOf(world, victim);
    },
  },
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
      await world.admin.query('update jobs set pid = $2, process_identity = $3 where id = $1', [
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
    about: 'the probe may not signal the agent, which lives',
    async play(world) {
      await begin(world, { id: 'lasting-1', host: 'south' });
      await setTimeout(6 * world.terms.intervalS * 1000);
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
  {
    name: 'two watches',
    about: 'the claims of two watches over one run wait for its row together',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north' });
      killBoth(world, victim);
      await whileLocked(world, 'select from jobs for no key update', async (pid) => {
        await startTwin(world, victim);
        await expectSoon('two claims behind the row', () => findClaimBehind(world, pid, 2));
      });
      await watchesOf(world, victim.jobId, 2);
    },
  },
  {
    name: 'a monitor that slept',
    about: 'a monitor is stopped until its run is reaped and taken again, and goes on to finalize',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 3 });
      send(victim.monitor, 'SIGSTOP');
      killAgent(world, victim);
      await claimOf(world, victim);
      await expectSoon('another run', async () => {
        await world.facts.read();
        return [...world.facts.queue.runs.values()].filter(({ pid }) => pid !== null).length > 1
          ? true
          : null;
      });
      send(victim.monitor, 'SIGCONT');
      await expectSoon('the monitor to be done', () => {
        world.facts.readLogs();
        const { finalized, noLongerOurs } = world.facts.launchers;
        const isDone = finalized.has(victim.runId) || noLongerOurs.has(victim.runId);
        return Promise.resolve(isDone ? true : null);
      });
    },
  },
  {
    name: 'a message whose delivery is not noted',
    about: 'Telegram took the message, and the connection breaks under the note of it',
    async play(world) {
      const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 1 });
      const [worker] = world.workers;
      if (worker === undefined) return;
      world.people.holdsWebhook = true;
      const lost = loseCommit(worker.proxy, 'note_delivery', () => undefined);
      killBoth(world, victim);
      await claimOf(world, victim);
      await lost;
      world.people.holdsWebhook = false;
      await expectSoon('the webhook to be told', () =>
        Promise.resolve(
          world.people.received.some(({ channel, answer }) => channel === 'webhook' && answer === 'taken') ||
            null,
        ),
      );
      await setTimeout(5_000);
    },
  },
];

/** Plays one of the random faults on a job whose agent would go on for long. */
async function playFault(world: World, kind: string): Promise<void> {
  const fault = FAULTS.find((each) => each.kind === kind);
  if (fault === undefined) throw new Error(`Expected a fault "${kind}", got none`);
  const victim = await begin(world, { id: 'lasting-1', host: 'north', maxAttempts: 3 });
  await fault.inject(world, new Random(world.seed, kind));
  await endOf(world, victim);
  await watchesOf(world, victim.jobId);
}

/** A run whose exit code is recorded, and whose monitor is gone before it could finalize. */
async function exitUnfinalized(world: World, id: string): Promise<Victim> {
  const victim = await begin(world, { id, host: 'south', hasStages: true });
  await expectSoon('the exit code to be recorded', () => {
    world.facts.readLogs();
    return Promise.resolve(world.facts.launchers.exited.has(victim.runId) ? true : null);
  });
  send(victim.monitor, 'SIGKILL');
  // The next stage's job is not a part of the scene.
  await world.launchers[1]?.service.kill();
  return victim;
}

function seenDead(world: World, victim: Victim): Promise<true> {
  return expectSoon('a first dead observation', () =>
    storyHas(world, victim, 'dead (streak 1/2), deferring'),
  );
}

/** Whether the run's watch tells of something in its story. */
async function storyHas(world: World, victim: Victim, text: string): Promise<true | null> {
  const { jobId, runKey } = refOf(world, victim);
  try {
    const { story } = await world.ask((client) =>
      client.workflow.getHandle(`torture/watch/${jobId}/${runKey}`).query<{ story: string[] }>('watch'),
    );
    return story.some((line) => line.includes(text)) ? true : null;
  } catch {
    return null; // not started yet
  }
}
