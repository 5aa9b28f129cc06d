import { rootCause } from '@temporalio/common';
import { log } from '@temporalio/workflow';
import type { HostExamination } from '../activities/probe.js';
import type { Scan } from '../activities/jobs.js';
import { examineHost, reclaimLeases, recordSweep, scan } from './activity-proxies.js';
import type { Policy } from '../domain/types.js';
import type { SweepSummary } from './messages.js';
import type { Reaper } from './reaper-state.js';
import { Round } from './round.js';

/** One pass over all running jobs: scan, examine every host, start and poke watches, record. Never throws. */
export async function sweep(reaper: Reaper): Promise<void> {
  const beganMs = Date.now();
  const summary: SweepSummary = {
    number: reaper.beginSweep(),
    atMs: beganMs,
    seconds: 0,
    running: 0,
    watching: 0,
    symptoms: 0,
    started: 0,
    alreadyStarted: 0,
    poked: 0,
    hostsAnswered: [],
    hostsWithoutProbe: [],
    unknownRuns: {},
    leasesReclaimed: 0,
    leaseTrouble: [],
    unwatchable: [],
    unwatchableCount: 0,
    error: null,
  };
  try {
    await pass(reaper, summary);
  } catch (error) {
    summary.error = describe(error);
  }
  summary.watching = reaper.watches.size;
  summary.seconds = (Date.now() - beganMs) / 1000;
  try {
    reaper.status = await recordSweep(summary.atMs, summary);
  } catch (error) {
    summary.error ??= describe(error);
  }
  logChange(reaper.lastSweep?.error ?? null, summary.error);
  reaper.lastSweep = summary;
  reaper.ended = summary.number;
}

/** What went wrong in an activity, rather than that one failed. */
function describe(error: unknown): string {
  return rootCause(error) ?? String(error);
}

/** One line when sweeps begin to fail and one when they no longer do. */
function logChange(before: string | null, now: string | null): void {
  if (before === null && now !== null) log.warn(`sweeps fail: ${now}`);
  if (before !== null && now === null) log.info('sweeps succeed again');
}

async function pass(reaper: Reaper, summary: SweepSummary): Promise<void> {
  const found = await scan(reaper.rowCursor, reaper.hostsAfter);
  const { policy } = found;
  const isPolicyChanged = reaper.learn(policy);
  // Ages and answers are told by the database's clock.
  summary.atMs = found.atMs;
  summary.running = found.running;
  summary.unwatchable = found.unwatchable.sample;
  summary.unwatchableCount = found.unwatchable.count;
  const sawAllRows = found.symptoms.next === null && found.nextHost === null && reaper.hostsAfter === null;
  reaper.rowCursor = found.symptoms.next;
  reaper.hostsAfter = found.nextHost;
  if (!reaper.notifying) reaper.owed = found.owed;

  const round = new Round(reaper, found, summary);
  const examinations = examineHosts(reaper, found, summary);
  const reclaim = tendLeases(found, summary);
  if (isPolicyChanged) await round.wakeAll();
  await round.tendSymptoms(found.symptoms.items);
  if (found.runs !== null) await round.tendRuns(found.runs);
  // Each host as it answers: a silent one holds up nobody else's repairs.
  const answers = await Promise.all(
    examinations.map(async (examination) => {
      const answer = await examination;
      if (answer !== null) await round.tendSymptoms(answer.symptoms);
      return answer;
    }),
  );
  const sawAll = sawAllRows && answers.every((answer) => !answer?.next);
  if (found.runs === null && sawAll) await round.tendRest();
  summary.symptoms = round.symptoms.size;
  reaper.sights.clear();
  for (const { watchId, host } of found.runs ?? []) reaper.sights.set(watchId, { host, symptom: null });
  for (const { watchId, host, symptom } of round.symptoms.values())
    reaper.sights.set(watchId, { host, symptom });
  await reclaim;
}

/** Has stale merge leases reclaimed where somebody has their folder. Never throws, nor takes longer than the interval. */
async function tendLeases({ leaseQueue, policy }: Scan, summary: SweepSummary): Promise<void> {
  if (leaseQueue === null) return;
  try {
    const { reclaimed, trouble } = await reclaimLeases(leaseQueue, toLimitMs(policy));
    summary.leasesReclaimed = reclaimed;
    summary.leaseTrouble = trouble;
  } catch {
    summary.leaseTrouble = ['no worker with MERGE_LEASE_DIR answered'];
  }
}

/** Milliseconds that a sweep waits for a host, or for the lease folder. */
function toLimitMs({ intervalS }: Policy): number {
  return Math.max(1_000, intervalS * 1_000);
}

/** Examines all hosts at once; one that does not answer within the interval is without a probe, which is null. */
function examineHosts(
  reaper: Reaper,
  { hosts, policy }: Scan,
  summary: SweepSummary,
): Promise<HostExamination | null>[] {
  const limitMs = toLimitMs(policy);
  const cursors = new Map(reaper.hostCursors);
  reaper.hostCursors.clear();
  return hosts.map(async ({ host, queue }) => {
    try {
      const examination = await examineHost(queue, limitMs, host, cursors.get(host) ?? null, limitMs / 2);
      summary.hostsAnswered.push(host);
      if (examination.unknown > 0) summary.unknownRuns[host] = examination.unknown;
      if (examination.next) reaper.hostCursors.set(host, examination.next);
      return examination;
    } catch {
      summary.hostsWithoutProbe.push(host);
      return null;
    }
  });
}
