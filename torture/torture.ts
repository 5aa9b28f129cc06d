import { setTimeout } from 'node:timers/promises';
import { ALWAYS, AT_LAST, REPAIRED } from './invariants/index.js';
import { MAX_RETRY_S } from './facts/hindrance-facts.js';
import { waitFor } from './faults/wait.js';
import { repairLimitS } from './invariants/repaired.js';
import { judgeWorld, ViolationError } from './judge-world.js';
import { Random } from './random.js';
import { Schedule, type Drawn } from './schedule.js';
import { Tally } from './tally.js';
import { JobStream } from './world/job-stream.js';
import type { World } from './world/world.js';

/** Jobs that are queued or running at any time. */
const JOBS_AT_A_TIME = 14;
const LOOK_EVERY_MS = 3_000;
const HISTORIES_EVERY_MS = 15_000;
const TELL_EVERY_MS = 30_000;
const START_LIMIT_S = 120;
/** Seconds in which everything that is queued ends, including long-running agents. */
const DRAIN_LIMIT_S = 240;

/** The result of one run. */
export interface TortureResult {
  drawn: readonly Drawn[];
  /** Seconds from the last fault until every run that was dead by then was repaired. */
  repairedAfterS: number;
  /** Looks at all facts, judged by what holds at every moment. */
  looks: Tally;
  /** Those of them, and the readings of histories, while faults were injected. */
  underFaults: { looks: Tally; histories: Tally };
}

/**
 * Breaks a world for a while, lets it recover, and judges it all the time.
 *
 * @param seconds for which faults are injected
 * @throws ViolationError
 */
export async function torture(
  world: World,
  seconds: number,
  log: (line: string) => void,
): Promise<TortureResult> {
  for (const { service } of [...world.workers, ...world.probes, ...world.launchers]) service.start();
  const jobs = new JobStream(world.admin, new Random(world.seed, 'jobs'), JOBS_AT_A_TIME);
  await jobs.refill();
  await atWork(world);
  const schedule = new Schedule(world);
  const stop = new AbortController();
  const watch = new Watch(world);

  const timer = setTimeout(seconds * 1000, undefined, { signal: stop.signal })
    .catch(() => undefined)
    .finally(() => stop.abort());
  let toldMs = Date.now();
  const tell = () => {
    if (Date.now() - toldMs < TELL_EVERY_MS) return;
    toldMs = Date.now();
    const { runs, ledger } = world.facts.queue;
    log(`${schedule.injected.length} faults, ${runs.size} runs, ${ledger.length} claims`);
  };
  const work = [
    schedule.run(stop.signal, seconds),
    watch.run(stop.signal, async () => {
      tell();
      await jobs.refill();
    }),
    timer,
  ];
  try {
    await Promise.all(work);
  } finally {
    stop.abort();
    // Faults in progress still need the world.
    await Promise.allSettled(work);
  }

  log('the faults stop');
  const underFaults = { looks: watch.looks.copy(), histories: watch.histories.copy() };
  const stoppedMs = Date.now();
  await calm(world);
  const repairedAfterS = await recover(world, watch, stoppedMs);
  log(`everything was repaired ${repairedAfterS.toFixed(0)} s after the last fault`);
  await drain(world, watch);
  log('all jobs have ended');
  return { drawn: schedule.drawn, repairedAfterS, looks: watch.looks, underFaults };
}

/** Waits until there is a target. */
async function atWork({ facts }: World): Promise<void> {
  const agent = await waitFor(() => {
    facts.readLogs();
    return facts.launchers.agents.size > 0 || null;
  }, START_LIMIT_S * 1000);
  if (agent === null) throw new Error(`Expected a first agent within ${START_LIMIT_S} s, got none`);
}

/** Looks at everything again and again. */
class Watch {
  readonly looks = new Tally();
  readonly histories = new Tally();
  #historiesMs = Date.now();

  constructor(private readonly world: World) {}

  async run(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      await this.look();
      await work().catch(() => undefined); // Postgres is away just now
      await setTimeout(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** Looks once. A server that is away is no violation, but counted. */
  async look(): Promise<void> {
    const { temporal } = this.world.facts;
    if (Date.now() - this.#historiesMs > HISTORIES_EVERY_MS) {
      this.#historiesMs = Date.now();
      await this.histories.count(() => this.world.ask(() => temporal.readClosed(), 10_000));
      await this.histories.count(() => this.world.ask(() => temporal.readOpen(), 10_000));
    }
    await this.looks.count(
      () => judgeWorld(this.world, ALWAYS),
      (error) => error instanceof ViolationError,
    );
  }
}

/** Undoes everything that would not pass by itself. */
async function calm({ operator, admin, people, workers, probes, launchers, clocks }: World): Promise<void> {
  people.troubled = false;
  for (const clock of Object.values(clocks)) clock.set(0);
  for (const { service } of [...workers, ...probes, ...launchers]) {
    service.signal('SIGCONT');
    service.start();
  }
  await operator.resume();
  await operator.activate();
  const { rows } = await admin.query<{ kind: 'job'; value: string }>('select kind, value from reaper.hold');
  for (const { kind, value } of rows) await operator.release(kind, value);
}

/** Waits until every run that was dead when the faults stopped is repaired, or the limit is over. Returns the seconds that it took. */
async function recover(world: World, watch: Watch, stoppedMs: number): Promise<number> {
  const { facts } = world;
  const limitMs = stoppedMs + (repairLimitS(facts.terms) + MAX_RETRY_S['its row is locked']) * 1000;
  const isLeft = () =>
    [...facts.queue.runs.values()].some(
      ({ runId, ends, startedMs }) =>
        ends.length === 0 &&
        startedMs < stoppedMs &&
        (facts.lives.lives.get(runId)?.lastMs ?? 0) < Date.now() - 1_000,
    );
  do {
    await setTimeout(1_000);
    await watch.look();
  } while (isLeft() && Date.now() < limitMs + 1_000);
  const repairedAfterS = (Date.now() - stoppedMs) / 1000;
  await judgeWorld(world, REPAIRED);
  return repairedAfterS;
}

/** Lets all jobs end, then judges everything for the last time. */
async function drain(world: World, watch: Watch): Promise<void> {
  const { facts, admin } = world;
  for (const deadline = Date.now() + DRAIN_LIMIT_S * 1000; Date.now() < deadline;) {
    await setTimeout(1_000);
    await watch.look();
    await judgeWorld(world, REPAIRED);
    const { rows } = await admin.query<{ left: number }>(
      `select (select count(*) from public.jobs where status in ('queued', 'running'))
            + (select count(*) from reaper.notification where owed) as left`,
    );
    if (rows[0]?.left === 0) break;
  }
  while ((await facts.temporal.readClosed()) > 0);
  if ((await facts.temporal.readOpenAtLast()).length > 0) {
    // A task that was just lost with its worker is created again within seconds.
    await setTimeout(15_000);
    facts.temporal.failing.push(...(await facts.temporal.readOpenAtLast()));
  }
  await judgeWorld(world, [...ALWAYS, ...REPAIRED, ...AT_LAST]);
}
