import { didYouMean, nearestTo, shown } from '../domain/wording.js';
import type { Mistake } from './mistakes.js';

/** What the graph checks need of a stage; other mistakes in it do not hide theirs. */
export interface StageEntry {
  /** Its place in the list. */
  index: number;
  /** Undefined when it has none that is a text. */
  name: string | undefined;
  /** Null at the end; undefined when it is no text. */
  next: string | null | undefined;
  agent: 'set' | 'null' | 'missing';
}

/** Mistakes in how the stages follow each other, and in who works on them. */
export function findGraphMistakes(stages: readonly StageEntry[]): Mistake[] {
  const byName = new Map<string, StageEntry>();
  for (const stage of stages) {
    if (stage.name !== undefined && !byName.has(stage.name)) byName.set(stage.name, stage);
  }
  return [
    ...findDuplicates(stages, byName),
    ...findUnknownNext(stages, byName),
    ...findCycles(stages, byName),
    ...findUnreachable(stages, byName),
    ...findIdle(stages),
  ];
}

type ByName = ReadonlyMap<string, StageEntry>;

function at(stage: StageEntry, key: string, message: string): Mistake {
  return { path: ['stages', stage.index, key], message };
}

function findDuplicates(stages: readonly StageEntry[], byName: ByName): Mistake[] {
  return stages.flatMap((stage) => {
    const first = stage.name === undefined ? stage : byName.get(stage.name);
    if (first === undefined || first === stage) return [];
    return [
      at(
        stage,
        'name',
        `expected a name of its own, got ${shown(stage.name)}, which stages[${first.index}] has`,
      ),
    ];
  });
}

function findUnknownNext(stages: readonly StageEntry[], byName: ByName): Mistake[] {
  return stages.flatMap((stage) => {
    if (typeof stage.next !== 'string' || byName.has(stage.next)) return [];
    const hint = didYouMean(stage.next, [...byName.keys()]) || '; write null for the end';
    return [at(stage, 'next', `expected the name of a stage, got ${shown(stage.next)}${hint}`)];
  });
}

/** Each cycle once, at its member that comes last in the list: its `next` is the one that leads back. */
function findCycles(stages: readonly StageEntry[], byName: ByName): Mistake[] {
  const mistakes: Mistake[] = [];
  const done = new Set<StageEntry>();
  for (const start of stages) {
    const way: StageEntry[] = [];
    let stage: StageEntry | undefined = start;
    while (stage !== undefined && !done.has(stage) && !way.includes(stage)) {
      way.push(stage);
      stage = follow(stage, byName);
    }
    way.forEach((passed) => done.add(passed));
    const entry = stage === undefined ? -1 : way.indexOf(stage);
    if (entry >= 0) mistakes.push(cycleMistake(way.slice(entry)));
  }
  return mistakes;
}

function cycleMistake(members: readonly StageEntry[]): Mistake {
  const last = members.reduce((a, b) => (a.index > b.index ? a : b));
  const start = members.indexOf(last) + 1;
  const names = [...members.slice(start), ...members.slice(0, start)].map(({ name }) => name ?? '');
  const cycle = [...names, names[0]].join(' -> ');
  return at(last, 'next', `expected a way that ends, got the cycle ${cycle}: write null for the end`);
}

/** A `next` with a typo is one mistake, not one for every stage behind it: the way goes on where it was meant to. */
function findUnreachable(stages: readonly StageEntry[], byName: ByName): Mistake[] {
  const reached = new Set<StageEntry>();
  let stage = stages[0];
  while (stage !== undefined && !reached.has(stage)) {
    reached.add(stage);
    const { next }: StageEntry = stage;
    if (next === null) break;
    const meant =
      next === undefined ? undefined : (follow(stage, byName)?.name ?? nearestTo(next, [...byName.keys()]));
    // Where the way is lost, nobody can say what lies behind.
    if (meant === undefined) return [];
    stage = byName.get(meant);
  }
  return stages
    .filter((other) => !reached.has(other) && byName.get(other.name ?? '') === other)
    .map((other) =>
      at(
        other,
        'name',
        `expected a stage that the first one leads to, got ${shown(other.name)}, which no task reaches`,
      ),
    );
}

function follow(stage: StageEntry, byName: ByName): StageEntry | undefined {
  return typeof stage.next === 'string' ? byName.get(stage.next) : undefined;
}

/**
 * Only a job without an agent finishes a stage without one. That is how a task starts and ends, and it may wait for a person in between;
 * but there a forgotten agent would stop every task for ever, so it has to be said.
 */
function findIdle(stages: readonly StageEntry[]): Mistake[] {
  return stages.flatMap((stage) => {
    const mistakes: Mistake[] = [];
    if (stage.agent === 'missing' && stage.index > 0 && typeof stage.next === 'string') {
      const instead = 'name it, or write null where a person moves the task on';
      mistakes.push(
        at(stage, 'agent', `expected the agent that works on ${shown(stage.name)}, got nothing: ${instead}`),
      );
    }
    return mistakes;
  });
}
