import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Liveness } from '../domain/liveness.js';
import type { HoldKind, Operation } from '../domain/operation.js';
import type { Status } from '../domain/status.js';

/** Who asks, and why. Every field may be missing: `temporal workflow signal --name pause` needs no input. */
export interface OperatorInput {
  by?: string;
  reason?: string;
  /** True if the sender has already written the control row, so that the reaper only needs to sweep. */
  written?: boolean;
}

/** What to hold, for how long. */
export interface HoldInput extends OperatorInput {
  kind: HoldKind;
  value: string;
  /** @default 3600 */
  seconds?: number;
}

export const pauseSignal = defineSignal<[OperatorInput?]>('pause');
export const resumeSignal = defineSignal<[OperatorInput?]>('resume');
export const observeSignal = defineSignal<[OperatorInput?]>('observe');
export const activateSignal = defineSignal<[OperatorInput?]>('activate');
export const forceSweepSignal = defineSignal<[OperatorInput?]>('forceSweep');
export const holdSignal = defineSignal<[HoldInput?]>('hold');
export const releaseSignal = defineSignal<[HoldInput?]>('release');
/** A watch's answer to {@link reapNowUpdate}. */
export const reapAnsweredSignal = defineSignal<[ReapAnswer]>('reapAnswered');

/** Sent by a watch that has claimed and no longer needs its place, although it still has a notification to send. */
export const placeFreeSignal = defineSignal<[{ watchId: string }]>('placeFree');

/** Sent by a host's sentinel: a process there has died. See {@link SymptomReport}. */
export const symptomsSignal = defineSignal<[SymptomReport]>('symptoms');

export const sweepNowUpdate = defineUpdate<SweepSummary>('sweepNow');
export const reapNowUpdate = defineUpdate<ReapAnswer, [{ job_id: string }]>('reapNow');
export const lookUpdate = defineUpdate<ProcessSighting, [{ job_id: string }]>('look');

export const statusQuery = defineQuery<ReaperStatus>('status');

/** A host to examine at once. */
export interface SymptomReport {
  host: string;
  /** The queue of its probe. @default the one that a host with an ordinary name has */
  queue?: string;
}

/** What came of an operator's `reap`. */
export interface ReapAnswer {
  watchId: string;
  reaped: boolean;
  /** In words: the outcome and the reason, or why it was refused. */
  text: string;
}

/** What a run's own host sees of its process. */
export interface ProcessSighting {
  /** The run that was looked at: the current one of the job. */
  runKey: string;
  /** Null if no probe answered. */
  seen: Liveness | null;
  /** Why there is no answer, in words; null if there is one. */
  why: string | null;
}

/** What one sweep saw and did. */
export interface SweepSummary {
  /** Sweeps are numbered over the reaper's whole lifetime. */
  number: number;
  /** Unix milliseconds of the sweep's start. */
  atMs: number;
  /** Seconds from its start to its record. */
  seconds: number;
  running: number;
  /** Open watches after the sweep. */
  watching: number;
  symptoms: number;
  started: number;
  /** Watches that were to be started but were already there. */
  alreadyStarted: number;
  poked: number;
  /** Host watches that were started; missing from older versions. */
  hostWatches?: number;
  /** Hosts whose watch was open after the sweep: how many, and the first of them. Missing from older versions. */
  hostsWatched?: { count: number; first: string[] };
  /** Runs with a symptom for which no watch was free: they wait for a later sweep. */
  waiting: number;
  /** The first of them. */
  waitingJobs: string[];
  hostsAnswered: string[];
  /** How many hosts were not asked, because their probes report by themselves that nothing is wrong. */
  hostsHealthy: number;
  /** Hosts whose queue nobody polls. */
  hostsWithoutProbe: string[];
  /** Hosts whose probe was asked and failed, with the cause. */
  hostsFailing: Record<string, string>;
  /** Runs whose liveness is unknown, by host; only hosts that answered and have any. */
  unknownRuns: Record<string, number>;
  leasesReclaimed: number;
  /** Why leases cannot be checked or reclaimed, in words. */
  leaseTrouble: string[];
  unwatchable: { jobId: string; why: string }[];
  unwatchableCount: number;
  /** Why the sweep failed, or null. */
  error: string | null;
}

/** Result of the `status` query: the state in Postgres as of the last sweep, and that sweep. */
export interface ReaperStatus {
  status: Status | null;
  lastSweep: SweepSummary | null;
}

/**
 * Wakes a watch. `symptom`: its run shows one. `dead`: its process is gone, which may end the grace of a defunct one early.
 * `look`: look again at once, for example because the run is over. `reap`: an operator's request, which skips the streak.
 */
export interface Poke {
  why: 'symptom' | 'dead' | 'look' | 'reap';
  /** Whether the watch parks when there is nothing to do; else it ends. */
  park: boolean;
}

export const pokeSignal = defineSignal<[Poke]>('poke');
export const watchQuery = defineQuery<WatchState>('watch');

/** What a watch is doing, for `explain`. */
export interface WatchState {
  phase: 'parked' | 'looking' | 'waiting' | 'claiming' | 'over';
  streak: number;
  /** When it looks again by itself, in Unix milliseconds, or null. */
  nextLookMs: number | null;
  /** Its story so far, the newest last. */
  story: string[];
}

export const hostWatchQuery = defineQuery<HostWatchState>('hostWatch');

/** What a host watch has done so far, in runs. */
export interface HostWatchCounts {
  /** Rows that it read. */
  seen: number;
  /** The policy's verdict was to reap them. */
  proven: number;
  claimed: number;
  /** Others ended them first. */
  lost: number;
  /** In the dry run: recorded, and not claimed. */
  recorded: number;
  alerted: number;
  /** Left alone because of a hold. */
  held: number;
  /** Left to the sweep. */
  left: number;
}

/** What a host watch is doing, for `explain`. */
export interface HostWatchState {
  phase: 'looking' | 'waiting' | 'settling' | 'over';
  counts: HostWatchCounts;
  /** Some that were claimed. */
  sample: string[];
  /** Some reasons why runs were left. */
  why: string[];
}

/** Reads an operator's signal. Any input is accepted. */
export function readOperator(input: unknown): { by: string; reason: string; written: boolean } {
  const { by, reason, written } = toRecord(input);
  return {
    by: readText(by) ?? 'a signal',
    reason: readText(reason) ?? 'no reason given',
    written: written === true,
  };
}

const HOLD_KINDS: readonly unknown[] = ['job', 'agent', 'repo', 'host'] satisfies HoldKind[];
const HOUR_S = 3600;
const YEAR_S = 365 * 24 * HOUR_S;

/** Reads a `hold` or `release` signal. If it does not say what to hold, returns what is wrong with it, in words. */
export function readHold(action: 'hold' | 'release', input: unknown): Operation | string {
  const { by, reason } = readOperator(input);
  const { kind, value, seconds = HOUR_S } = toRecord(input);
  const name = readText(value);
  if (!HOLD_KINDS.includes(kind) || name === null) {
    return `${action}: expected {"kind": "job" | "agent" | "repo" | "host", "value": "…"}, got ${printed(input)}`;
  }
  if (action === 'release') return { action, kind: kind as HoldKind, value: name, by };
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > YEAR_S) {
    return `hold: expected "seconds" between 1 and ${YEAR_S}, got ${printed(seconds)}`;
  }
  return { action, kind: kind as HoldKind, value: name, reason, seconds: Math.ceil(seconds), by };
}

/** Reads a poke. Any input is accepted, and at least makes the watch look again. */
export function readPoke(input: unknown): Poke {
  const { why, park } = toRecord(input);
  const isKnown = why === 'symptom' || why === 'dead' || why === 'reap';
  return { why: isKnown ? why : 'look', park: park !== false };
}

/** Reads a watch's answer; null if it is none. */
export function readReapAnswer(input: unknown): ReapAnswer | null {
  const { watchId, reaped, text } = toRecord(input);
  if (typeof watchId !== 'string' || typeof text !== 'string') return null;
  return { watchId, reaped: reaped === true, text };
}

/** Reads which watch gave up its place; null if the signal names none. */
export function readPlaceFree(input: unknown): string | null {
  const { watchId } = toRecord(input);
  return typeof watchId === 'string' ? watchId : null;
}

/** What names of hosts become in names of queues. */
const QUEUE_PART = /^[A-Za-z0-9._-]{1,200}$/;

/**
 * Reads a sentinel's report; null if it names no host, or no queue of a probe of this reaper: the server would refuse some names for
 * ever.
 *
 * @param reaper REAPER_NAME
 */
export function readSymptomReport(reaper: string, input: unknown): Required<SymptomReport> | null {
  const { host, queue } = toRecord(input);
  if (typeof host !== 'string' || host === '' || host.length > 200) return null;
  const prefix = `${reaper}/probe/`;
  const named = queue ?? prefix + host;
  if (typeof named !== 'string' || !named.startsWith(prefix)) return null;
  return QUEUE_PART.test(named.slice(prefix.length)) ? { host, queue: named } : null;
}

/**
 * Completes a sweep's summary from a worker of any version: fields that older versions lack are empty. `hostsAnswered` is not
 * recorded in Postgres.
 */
export function toSweepSummary(partial: Partial<SweepSummary>): SweepSummary {
  return {
    hostsAnswered: [],
    hostsHealthy: 0,
    waiting: 0,
    waitingJobs: [],
    hostsFailing: {},
    ...partial,
  } as SweepSummary;
}

/** An input as errors quote it. */
export function printed(input: unknown): string {
  if (input === undefined) return 'nothing';
  try {
    return JSON.stringify(input).slice(0, 200);
  } catch {
    return 'something nested too deep to print';
  }
}

function toRecord(input: unknown): Record<string, unknown> {
  return typeof input === 'object' && input !== null ? (input as Record<string, unknown>) : {};
}

function readText(value: unknown): string | null {
  if (typeof value !== 'string') return null;
  // Postgres cannot store NUL, and stores half a surrogate pair as a replacement character.
  const text = value.slice(0, 500).replaceAll('\0', '');
  return text.trim() === '' ? null : text;
}
