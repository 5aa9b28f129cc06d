import { defineQuery, defineSignal, defineUpdate } from '@temporalio/workflow';
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

export const sweepNowUpdate = defineUpdate<SweepSummary>('sweepNow');
export const reapNowUpdate = defineUpdate<ReapAnswer, [{ job_id: string }]>('reapNow');

export const statusQuery = defineQuery<ReaperStatus>('status');

/** What came of an operator's `reap`. */
export interface ReapAnswer {
  watchId: string;
  reaped: boolean;
  /** In words: the outcome and the reason, or why it was refused. */
  text: string;
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
