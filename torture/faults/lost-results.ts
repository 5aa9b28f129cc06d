import { setTimeout } from 'node:timers/promises';
import type { Random } from '../random.js';
import type { World } from '../world/world.js';
import { ambush } from './ambush.js';
import { burst, BURST_S } from './bursts.js';
import type { Fault } from './fault.js';

const PROVOKE_EVERY_MS = 700;

/** What a worker commits in an activity. */
export interface Commit extends Pick<Fault, 'group' | 'lastsS'> {
  what: string;
  /** How often it is hit, in either way. */
  weight: { cut: number; killed: number };
  statement: RegExp;
  /** If nothing commits it by itself: causes it, again and again, and undoes that. */
  provoked?: {
    again: (world: World, time: number, random: Random) => Promise<unknown>;
    undo: (world: World) => Promise<void>;
  };
}

export const COMMITS: readonly Commit[] = [
  { what: 'a claim', weight: { cut: 6, killed: 4 }, statement: /reaper\.claim\(/ },
  {
    what: 'a batch of claims',
    weight: { cut: 1, killed: 1 },
    statement: /reaper\.claim_many\(/,
    group: 'burst',
    lastsS: BURST_S,
    provoked: {
      again: async (world, time, random) => (time === 0 ? burst(world, random) : null),
      undo: () => Promise.resolve(),
    },
  },
  {
    what: 'a message taken for Telegram',
    weight: { cut: 2, killed: 2 },
    statement: /reaper\.take_for_telegram\(/,
  },
  { what: 'the note of a delivery', weight: { cut: 2, killed: 2 }, statement: /reaper\.note_delivery\(/ },
  { what: 'a message settled', weight: { cut: 2, killed: 2 }, statement: /reaper\.settle_notification\(/ },
  { what: 'the record of a sweep', weight: { cut: 2, killed: 2 }, statement: /reaper\.note_sweep\(/ },
  {
    what: "an operator's signal",
    weight: { cut: 2, killed: 2 },
    statement: /reaper\.(pause|resume)\(/,
    group: 'control',
    provoked: {
      again: (world, time) => world.ask(() => world.operator.signal(time % 2 === 0 ? 'pause' : 'resume')),
      undo: ({ operator }) => operator.resume(),
    },
  },
];

/** An activity's result is lost: what it wrote is committed, but Temporal does not hear about it, so it is retried. */
export const lostResults: readonly Fault[] = COMMITS.flatMap(({ weight, ...commit }): Fault[] => [
  {
    kind: `connection: cut just after the COMMIT of ${commit.what}`,
    ...sharedBy(commit),
    weight: weight.cut,
    inject: (world, random) => lieInWait(world, random, commit, false),
  },
  {
    kind: `worker: SIGKILL between the COMMIT of ${commit.what} and its completion`,
    ...sharedBy(commit),
    weight: weight.killed,
    inject: (world, random) => lieInWait(world, random, commit, true),
  },
]);

function sharedBy({ group, lastsS }: Pick<Commit, 'group' | 'lastsS'>): Pick<Fault, 'group' | 'lastsS'> {
  return { ...(group !== undefined && { group }), ...(lastsS !== undefined && { lastsS }) };
}

/** Does not reserve the worker meanwhile: lying in wait takes long, and does no harm. */
async function lieInWait(
  world: World,
  random: Random,
  { statement, provoked }: Pick<Commit, 'statement' | 'provoked'>,
  isKilled: boolean,
): Promise<string | null> {
  const worker = random.pick(world.workers);
  if (worker === undefined) return null;
  const { service, proxy } = worker;
  const state = { isOver: false };
  const sprung = ambush(proxy, { when: 'committed', after: statement }, () => {
    if (isKilled) service.signal('SIGKILL');
  }).finally(() => (state.isOver = true));
  try {
    // Either worker may be the one that does it.
    for (let time = 0; provoked && !state.isOver; time += 1) {
      await provoked.again(world, time, random);
      await setTimeout(PROVOKE_EVERY_MS);
    }
  } finally {
    if ((await sprung) !== null && isKilled) {
      await service.kill();
      service.start();
    }
    await provoked?.undo(world);
  }
  return (await sprung) === null ? null : service.name;
}
