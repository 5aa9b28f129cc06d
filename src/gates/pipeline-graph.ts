import { didYouMean, nearestTo } from '../domain/did-you-mean.js';
import { shown } from '../domain/wording.js';
import type { Mistake } from './mistakes.js';

/** What the graph checks need from a stage; other mistakes in it do not hide theirs. */
export interface StageEntry {
  /** Its index in the list. */
  index: number;
  /** Undefined if it is missing or not a text. */
  name: string | undefined;
  /** Null at the end; undefined if it is not a text. */
  next: string | null | undefined;
  agent: 'set' | 'null' | 'missing';
}

/** Finds mistakes in how the stages follow each other, and in their agents. */
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
      at(stage, 'name', `expected a unique name, got ${shown(stage.name)}, which stages[${first.index}] has`),
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

/** Reports each cycle once, at the member that comes last in the list: its `next` leads back. */
function findCycles(stages: readonly StageEntry[], byName: ByName): Mistake[] {
  const mistakes: Mistake[] = [];
  const done = new Set<StageEntry>();
  for (const start of stages) {
    const path: StageEntry[] = [];
    let stage: StageEntry | undefined = start;
    while (stage !== undefined && !done.has(stage) && !path.includes(stage)) {
      path.push(stage);
      stage = follow(stage, byName);
    }
    path.forEach((passed) => done.add(passed));
    const entry = stage === undefined ? -1 : path.indexOf(stage);
    if (entry >= 0) mistakes.push(cycleMistake(path.slice(entry)));
  }
  return mistakes;
}

function cycleMistake(members: readonly StageEntry[]): Mistake {
  const last = members.reduce((a, b) => (a.index > b.index ? a : b));
  const start = members.indexOf(last) + 1;
  const names = [...members.slice(start), ...members.slice(0, start)].map(({ name }) => name ?? '');
  const cycle = [...names, names[0]].join(' -> ');
  return at(last, 'next', `expected a path that ends, got the cycle ${cycle}: write null for the end`);
}

/** A typo in `next` is one mistake, not one for every stage after it: the path continues where it was probably meant to. */
function findUnreachable(stages: readonly StageEntry[], byName: ByName): Mistake[] {
  const reached = new Set<StageEntry>();
  let stage = stages[0];
  while (stage !== undefined && !reached.has(stage)) {
    reached.add(stage);
    const { next }: StageEntry = stage;
    if (next === null) break;
    const meant =
      next === undefined ? undefined : (follow(stage, byName)?.name ?? nearestTo(next, [...byName.keys()]));
    // Where the path breaks off, nothing is known about the stages after it.
    if (meant === undefined) return [];
    stage = byName.get(meant);
  }
  return stages
    .filter((other) => !reached.has(other) && byName.get(other.name ?? '') === other)
    .map((other) =>
      at(
        other,
        'name',
        `expected a stage that can be reached from the first one, got ${shown(other.name)}, which no task reaches`,
      ),
    );
}

function follow(stage: StageEntry, byName: ByName): StageEntry | undefined {
  return typeof stage.next === 'string' ? byName.get(stage.next) : undefined;
}

/**
 * Only a job without an agent finishes a stage without one. Tasks start and end like this, and a stage in the middle may wait for a person.
 * But there a forgotten agent would stop every task forever, so the file must say so.
 */
function findIdle(stages: readonly StageEntry[]): Mistake[] {
  return stages.flatMap((stage) => {
    const mistakes: Mistake[] = [];
    if (stage.agent === 'missing' && stage.index > 0 && typeof stage.next === 'string') {
      const hint = 'name it, or write null if a person moves the task on';
      mistakes.push(
        at(stage, 'agent', `expected the agent that works on ${shown(stage.name)}, got nothing: ${hint}`),
      );
    }
    return mistakes;
  });
}
