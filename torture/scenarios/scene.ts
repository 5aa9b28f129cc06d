import type { RunRef } from '../../src/domain/types.js';
import { repairLimitS, turnLimitS } from '../invariants/repaired.js';
import { killAgent, send, type Victim } from '../faults/victims.js';
import { waitFor } from '../faults/wait.js';
import type { LedgerRow } from '../facts/queue-facts.js';
import { REAPER_NAME, type HOSTS } from '../world/create-services.js';
import { STAGES } from '../world/pipeline.js';
import type { World } from '../world/world.js';

/** What a job of a scene is to be like. */
export interface SceneJob {
  /** Its name begins with the word that decides its fate, see `fate.ts`. */
  id: string;
  host: keyof typeof HOSTS;
  /** The stage that its task is in, so that a green exit 0 advances. */
  stage?: 'development' | 'review';
  /** @default 2 */
  maxAttempts?: number;
}

/**
 * Starts the services that a scene needs and, once the reaper is at work, queues its job: a real launcher takes it and a
 * real agent runs.
 */
export async function begin(world: World, job: SceneJob): Promise<Victim> {
  await enqueue(world, job);
  return stamped(world, job.id, job.host);
}

/** Waits for the run that follows once a victim's job was given back. */
export function nextRunOf(world: World, { jobId, host, runId }: Victim): Promise<Victim> {
  return stamped(world, jobId, host, runId);
}

/** Waits until the agent of the job's run is stamped, or that of another run than this one. */
function stamped(world: World, id: string, host: Victim['host'], not?: string): Promise<Victim> {
  return expectSoon('the agent to be stamped', async () => {
    await world.facts.read();
    const run = [...world.facts.queue.runs.values()].find(
      (each) => each.jobId === id && each.pid !== null && each.runId !== not,
    );
    const { agents, monitors } = world.facts.launchers;
    const agent = run && agents.get(run.runId);
    const monitor = run && monitors.get(run.runId);
    return run && agent && monitor ? { jobId: id, runId: run.runId, host, agent, monitor } : null;
  });
}

/** Begins a scene with jobs whose agents run for long, all on one host. */
export async function beginMany(world: World, count: number, host: SceneJob['host']): Promise<Victim[]> {
  const victims: Victim[] = [];
  for (let n = 1; n <= count; n += 1)
    victims.push(await begin(world, { id: `lasting-${n}`, host, maxAttempts: 1 }));
  return victims;
}

/** Begins a scene whose monitor is killed before it can start an agent: the run has no pid. */
export async function beginWithoutPid(world: World, job: SceneJob): Promise<Victim> {
  await enqueue(world, job);
  const { monitors, agents } = world.facts.launchers;
  const monitor = await expectSoon('a monitor', () => {
    world.facts.readLogs();
    return Promise.resolve([...monitors.values()].find(({ jobId }) => jobId === job.id) ?? null);
  });
  send(monitor, 'SIGKILL');
  await world.facts.read();
  const { jobId, runId } = monitor;
  if (agents.has(runId)) throw new SceneError(`Expected the monitor to be killed before its agent starts`);
  return { jobId, runId, host: job.host, agent: null, monitor };
}

/** Starts the services, and queues the job once the reaper is at work. */
async function enqueue(world: World, job: SceneJob): Promise<void> {
  const { admin, workers, probes, launchers, people } = world;
  people.troubled = false;
  const { id, host, stage, maxAttempts = 2 } = job;
  workers[0]?.service.start();
  if (host === 'south') probes[0]?.service.start();
  launchers[host === 'north' ? 0 : 1]?.service.start();
  await expectSoon('a first sweep', async () => {
    const { rows } = await admin.query('select from reaper.last_sweep');
    return rows.length > 0 ? true : null;
  });
  if (stage !== undefined) {
    await admin.query(
      `insert into public.tasks (id, repo, branch, stage, work_item_id) values ($1, 'web', 'main', $2, $1)`,
      [id, stage],
    );
  }
  await admin.query(
    `insert into public.jobs (id, task_id, agent, repo, max_attempts) values ($1, $2, $3, 'web', $4)`,
    [
      id,
      stage === undefined ? null : id,
      STAGES.find(({ name }) => name === (stage ?? 'development'))?.agent,
      maxAttempts,
    ],
  );
}

/** SIGKILL to both, the monitor first. */
export function killBoth(world: World, victim: Victim): void {
  send(victim.monitor, 'SIGKILL');
  killAgent(world, victim);
}

/** How a run is named by the SQL contract. */
export function refOf({ facts }: World, { runId }: Victim): RunRef {
  const run = facts.queue.runs.get(runId);
  if (run === undefined) throw new Error(`Expected run ${runId} to be known, got none`);
  return { jobId: run.jobId, runKey: run.runKey };
}

/** Waits for the claim of a run. */
export function claimOf(world: World, { runId }: Victim, limitMs?: number): Promise<LedgerRow> {
  return expectSoon(
    'a claim',
    async () => {
      await world.facts.read();
      return world.facts.queue.ledger.find((row) => row.runId === runId) ?? null;
    },
    limitMs,
  );
}

/** Waits until the run has ended, by whatever. */
export function endOf(world: World, { runId }: Victim): Promise<true> {
  return expectSoon('the run to end', async () => {
    await world.facts.read();
    return (world.facts.queue.runs.get(runId)?.ends.length ?? 0) > 0 ? true : null;
  });
}

/** Waits until a host watch that has claimed something is over, so that its whole story can be read. */
export async function hostWatch(world: World): Promise<void> {
  await expectSoon('a host watch to end', async () => {
    await world.ask(() => world.facts.temporal.readClosed());
    return world.facts.temporal.hostStories.some(({ result }) => (result?.claimed ?? 0) > 0) ? true : null;
  });
}

/** Waits until no watch of these runs is open any more, so that its whole story can be read. */
export async function watchesOf(world: World, jobId: string, closed = 1): Promise<void> {
  await expectSoon(`${closed} watches to end`, async () => {
    await world.ask(() => world.facts.temporal.readClosed());
    return world.facts.temporal.stories.filter((story) => story.jobId === jobId).length >= closed
      ? true
      : null;
  });
}

/** Waits until no notification is owed any more. */
export function nothingOwed({ admin }: World): Promise<true> {
  return expectSoon('nothing to be owed any more', async () => {
    const { rowCount } = await admin.query('select from reaper.notification where owed');
    return rowCount === 0 ? true : null;
  });
}

/**
 * Starts another watch over the same run.
 *
 * @param why a `reap` is an operator's request, which claims at once
 */
export async function startTwin(
  world: World,
  victim: Victim,
  name = 'twin',
  why: 'symptom' | 'reap' = 'symptom',
): Promise<void> {
  await world.ask((client) =>
    client.workflow.start('watchJob', {
      workflowId: `${REAPER_NAME}/watch/${name}-of-${victim.runId}`,
      taskQueue: REAPER_NAME,
      args: [{ ...refOf(world, victim), poke: { why, park: true } }],
    }),
  );
}

/** A run whose exit code is recorded, and whose monitor is gone before it could finalize. */
export async function exitUnfinalized(
  world: World,
  id: string,
  stage: SceneJob['stage'] = 'development',
): Promise<Victim> {
  const victim = await begin(world, { id, host: 'south', stage });
  await expectSoon('the exit code to be recorded', () => {
    world.facts.readLogs();
    return Promise.resolve(world.facts.launchers.exited.has(victim.runId) ? true : null);
  });
  send(victim.monitor, 'SIGKILL');
  // The next stage's job is not a part of the scene.
  await world.launchers[1]?.service.kill();
  return victim;
}

export function seenDead(world: World, victim: Victim): Promise<true> {
  return expectSoon('a first dead observation', () =>
    storyHas(world, victim, 'dead (streak 1/2), deferring'),
  );
}

/** Whether the story of the run's watch contains something. */
export async function storyHas(world: World, victim: Victim, text: string): Promise<true | null> {
  const { jobId, runKey } = refOf(world, victim);
  try {
    const { story } = await world.ask((client) =>
      client.workflow
        .getHandle(`${REAPER_NAME}/watch/${jobId}/${runKey}`)
        .query<{ story: string[] }>('watch'),
    );
    return story.some((line) => line.includes(text)) ? true : null;
  } catch {
    return null; // not started yet
  }
}

/** Waits for something that is certain to happen if all is well. A mutant may prevent it, which is no error. */
export async function expectSoon<T>(
  what: string,
  look: () => Promise<T | null>,
  limitMs = 60_000,
): Promise<T> {
  const seen = await waitFor(look, limitMs);
  if (seen === null) throw new SceneError(`Expected within ${limitMs / 1000} s: ${what}`);
  return seen;
}

/** A scene that could not be played to its end. */
export class SceneError extends Error {
  override name = 'SceneError';
}

/** Milliseconds after which a run's waiting proves something while faults go on. */
export function pastWaitMs({ terms }: World): number {
  return (turnLimitS(terms) + 2) * 1000;
}

/** Milliseconds after which a zombie that is left proves something. */
export function pastRepairMs({ terms }: World): number {
  return (repairLimitS(terms) + 2) * 1000;
}
