import { explain } from '../../src/explain/explain.js';
import type { ExplainFacts, RunningFacts } from '../../src/explain/facts.js';
import type { LedgerEntry } from '../../src/db/ledger.js';
import type { Hold } from '../../src/db/holds.js';
import type { Liveness } from '../../src/domain/liveness.js';
import { DEFAULT_POLICY, type JobRun, type Policy } from '../../src/domain/types.js';
import type { SweepSummary, WatchState } from '../../src/workflows/messages.js';
import { aRun } from '../support/run.js';

export const NOW = new Date('2030-01-01T12:00:00Z');
export const ALIVE: Liveness = { state: 'alive', proven: true, evidence: 'pid 42 runs' };
export const DEAD: Liveness = { state: 'dead', proven: false, evidence: 'pid 42 absent' };
export const DEFUNCT: Liveness = { state: 'defunct', proven: false, evidence: 'pid 42 has exited' };
export const UNKNOWN: Liveness = { state: 'unknown', proven: false, evidence: 'another pid namespace' };

const SUMMARY: SweepSummary = {
  number: 7,
  atMs: NOW.getTime() - 4_000,
  seconds: 0.1,
  running: 1,
  watching: 1,
  symptoms: 0,
  started: 0,
  alreadyStarted: 0,
  poked: 0,
  waiting: 0,
  waitingJobs: [],
  hostsFailing: {},
  hostsAnswered: ['host-1'],
  hostsHealthy: 0,
  hostsWithoutProbe: [],
  unknownRuns: {},
  leasesReclaimed: 0,
  leaseTrouble: [],
  unwatchable: [],
  unwatchableCount: 0,
  error: null,
};

export const PARKED: WatchState = { phase: 'parked', streak: 0, nextLookMs: null, story: [] };

/** A hold over job j1. */
export function held(hold: Partial<Hold> = {}): Hold {
  return {
    kind: 'job',
    value: 'j1',
    reason: 'debugging',
    by: 'ada',
    createdAt: NOW,
    until: new Date('2030-01-01T13:00:00Z'),
    ...hold,
  };
}

/** A claim of an earlier run of job j1. */
export function claimed(entry: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    id: 1,
    claimedAt: new Date('2030-01-01T11:00:00Z'),
    jobId: 'j1',
    runKey: '0-0',
    runId: 'r0',
    agent: 'developer',
    repo: 'web',
    host: 'host-1',
    pid: 41,
    outcome: 'queued',
    tier: 1,
    cause: null,
    reason: 'dead pid=41',
    error: 'reaped: dead pid=41 (run_id=r0)',
    fromStage: null,
    toStage: null,
    evidence: { liveness: { evidence: 'pid 41 absent' }, streak: 2 },
    claimer: 'w',
    workflowId: 'job-reaper/watch/j1/0-0',
    notificationId: null,
    owed: false,
    ...entry,
  };
}

/** What a case is about; the rest is a healthy default. */
export interface Case {
  run?: Partial<JobRun>;
  /** A fresh probe on this host; without it, the run is on another host. */
  seen?: Liveness;
  running?: Partial<RunningFacts>;
  sweep?: Partial<SweepSummary> & { ageS?: number };
  policy?: Partial<Policy>;
  facts?: Partial<ExplainFacts>;
}

/** The whole explanation as one text. */
export function explained({ run, seen, running, sweep, policy, facts }: Case): string {
  const { ageS = 4, ...summary } = sweep ?? {};
  const { headline, sections } = explain({
    jobId: 'j1',
    nowMs: NOW.getTime(),
    control: {
      now: NOW.toISOString(),
      adapter: 'reference',
      mode: 'active',
      paused: false,
      pausedBy: null,
      pausedReason: null,
      brakedBy: null,
      policy: { ...DEFAULT_POLICY, ...policy },
    },
    lastSweep: { ageS, summary: { ...SUMMARY, ...summary } },
    running: {
      run: aRun(run),
      unwatchable: null,
      block: null,
      trouble: null,
      holds: [],
      placeGone: null,
      hostGoneBy: null,
      alerted: false,
      alertedUnknown: false,
      crashes: null,
      hasStages: true,
      host: { answeredAt: NOW, gone: null, failing: null, warnings: [] },
      probe: seen ? { kind: 'here', liveness: seen } : { kind: 'elsewhere', host: 'host-1' },
      watch: { kind: 'open', state: PARKED },
      ...running,
    },
    ledger: [],
    wouldBe: [],
    ...facts,
  });
  const text = sections.map(({ title, lines }) => [`${title}:`, ...lines].join('\n')).join('\n');
  return `${headline}\n${text}`;
}

/** Cases: the facts, then the texts that the explanation must contain. */
export type Cases = Record<string, [Case, ...string[]]>;

/** The texts that a case expects and that the explanation lacks. */
export function missing([given, ...expected]: Cases[string]): { whole: string; missing: string[] } {
  const whole = explained(given);
  return { whole, missing: expected.filter((text) => !whole.includes(text)) };
}
