import { log, patched } from '@temporalio/workflow';
import type { HostExamination } from '../activities/probe.js';
import type { Scan } from '../activities/sweeps.js';
import { describeFailure, whyNotAnswered } from './activity-failures.js';
import { examineHost, reclaimLeases, recordSweep, scan } from './activity-proxies.js';
import type { Policy } from '../domain/types.js';
import type { SweepSummary } from './messages.js';
import type { HostQueue, Reaper } from './reaper-state.js';
import { Round, type Sighting } from './round.js';

/** Characters of a host's failure that a summary keeps: there can be hundreds of hosts. */
const MAX_CAUSE = 120;
/** Maximum of watch ids that an examination gets: they become part of the history. */
const MAX_KNOWN = 500;

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
    hostWatches: 0,
    waiting: 0,
    waitingJobs: [],
    hostsAnswered: [],
    hostsHealthy: 0,
    hostsWithoutProbe: [],
    hostsFailing: {},
    unknownRuns: {},
    leasesReclaimed: 0,
    leaseTrouble: [],
    unwatchable: [],
    unwatchableCount: 0,
    error: null,
  };
  try {
    const found = await scanAll(reaper, summary);
    if (found === null) await reclaimWithoutScan(reaper, summary);
    else await pass(reaper, found, summary, beganMs);
  } catch (error) {
    summary.error = describeFailure(error);
  }
  summary.watching = reaper.watches.size;
  summary.hostsWatched = reaper.hostTurns.open;
  summary.seconds = (Date.now() - beganMs) / 1000;
  try {
    // Null if it could not be read: then what the last sweep knew is better than nothing.
    reaper.status = (await recordSweep(summary.atMs, summary)) ?? reaper.status;
  } catch (error) {
    summary.error ??= describeFailure(error);
  }
  logChange(reaper.lastSweep, summary);
  reaper.lastSweep = summary;
  reaper.ended = summary.number;
}

/** Logs one line when sweeps start to fail or runs start to wait, and one when that is over. */
function logChange(before: SweepSummary | null, now: SweepSummary): void {
  const error = before?.error ?? null;
  if (error === null && now.error !== null) log.warn(`sweeps fail: ${now.error}`);
  if (error !== null && now.error === null) log.info('sweeps succeed again');
  // Missing from older versions.
  const waited = before?.waiting ?? 0;
  if (waited === 0 && now.waiting > 0) {
    log.warn(`${now.waiting} runs with a symptom wait for a free watch (REAPER_MAX_WATCHES)`, {
      waiting: now.waiting,
    });
  }
  if (waited > 0 && now.waiting === 0) log.info('no run waits for a free watch any more');
}

/** Null if nothing could be read. */
async function scanAll(reaper: Reaper, summary: SweepSummary): Promise<Scan | null> {
  try {
    const found = await scan(reaper.rowCursor, reaper.hostsAfter, {
      inParts: true,
      byReport: true,
      gates: true,
    });
    // Missing from workers of older versions.
    const { failed = [] } = found;
    if (failed.length > 0) summary.error = failed.join('; ');
    return found;
  } catch (error) {
    summary.error = describeFailure(error);
    return null;
  }
}

async function pass(reaper: Reaper, found: Scan, summary: SweepSummary, beganMs: number): Promise<void> {
  const { policy } = found;
  const isPolicyChanged = reaper.learn(policy);
  // Ages and host answers go by the database's clock.
  summary.atMs = found.atMs;
  summary.running = found.running;
  // Missing from workers of older versions.
  summary.hostsHealthy = found.healthyHosts ?? 0;
  summary.unwatchable = found.unwatchable.sample;
  summary.unwatchableCount = found.unwatchable.count;
  const sawAllHosts = found.sawAllHosts ?? (found.nextHost === null && reaper.hostsAfter === null);
  const sawAllRows = found.symptoms.next === null && sawAllHosts;
  reaper.rowCursor = found.symptoms.next;
  reaper.hostsAfter = found.nextHost;
  reaper.leaseQueue = found.leaseQueue;
  reaper.keep(found);
  if (found.due !== undefined) reaper.due = found.due;
  else if (!reaper.notifying || patched('messages-apart')) reaper.owed = found.owed;

  reaper.hostTurns.tidy(beganMs, policy);
  const round = new Round(reaper, found, summary, beganMs);
  const examinations = examineHosts(reaper, found, summary);
  const reclaiming = reclaim(found, summary);
  if (isPolicyChanged) await round.wakeAll();
  else await round.askOrphans();
  const single = round.watchSymptoms(found.symptoms.items);
  // After those that need no host watch, and not waited for: it can take seconds.
  const crowds = round.watchCrowds();
  await single;
  if (found.runs !== null) await round.watchAllRuns(found.runs);
  // Each host as it answers: a silent one delays no other host's repairs.
  const answers = await Promise.all(
    examinations.map(async (examination) => {
      const answer = await examination;
      if (answer === null) return null;
      await wake(round, answer);
      return answer;
    }),
  );
  const late = round.closeQueue();
  if (late.length > 0) await Promise.all(late);
  const sawAll =
    sawAllRows && answers.every((answer) => !answer?.next && !answer?.isPartial) && summary.error === null;
  const watchAll = found.watchAll ?? found.runs !== null;
  if (!watchAll && sawAll) await round.pokeRecovered();
  await crowds;
  if (sawAll) {
    // A host that does not answer may have runs with a symptom.
    const { hostsWithoutProbe, hostsFailing } = summary;
    const hosts = [...round.hosts, ...hostsWithoutProbe, ...Object.keys(hostsFailing)];
    reaper.hostTurns.keepCarried(new Set(hosts));
  }
  summary.symptoms = round.symptoms.size;
  summary.waiting = round.waiting.count;
  summary.waitingJobs = round.waiting.jobs;
  reaper.lastSeen.clear();
  for (const { watchId, host } of found.runs ?? []) reaper.lastSeen.set(watchId, { host, symptom: null });
  for (const { watchId, host, symptom } of round.symptoms.values())
    reaper.lastSeen.set(watchId, { host, symptom });
  await reclaiming;
}

/** Has stale merge leases reclaimed by a worker that has their folder. Never throws, nor takes longer than the interval. */
async function reclaim(
  { leaseQueue, policy }: Pick<Scan, 'leaseQueue' | 'policy'>,
  summary: SweepSummary,
): Promise<void> {
  if (leaseQueue === null) return;
  try {
    const { reclaimed, trouble } = await reclaimLeases(leaseQueue, toLimitMs(policy));
    summary.leasesReclaimed = reclaimed;
    summary.leaseTrouble = trouble;
  } catch (error) {
    const why = whyNotAnswered(error);
    summary.leaseTrouble = [
      why === null ? 'no worker with MERGE_LEASE_DIR answered' : `leases could not be looked after: ${why}`,
    ];
  }
}

/** A failed scan is no reason to leave leases alone: what the last one said about them still holds. */
async function reclaimWithoutScan({ leaseQueue, policy }: Reaper, summary: SweepSummary): Promise<void> {
  if (leaseQueue === null || policy === null || !patched('leases-without-scan')) return;
  await reclaim({ leaseQueue, policy }, summary);
}

/** Milliseconds that a sweep waits for a host, or for the lease folder. */
export function toLimitMs({ intervalS }: Policy): number {
  return Math.max(1_000, intervalS * 1_000);
}

/** What a host's probe found, with the watches that it was told of. */
type Answer = HostExamination & { watched: Sighting[] };

/**
 * Asks a host's probe to examine it.
 *
 * @param watched ids of its open watches
 */
export function examine(
  { host, queue }: HostQueue,
  limitMs: number,
  watched: readonly string[] = [],
): Promise<HostExamination> {
  return examineHost(queue, limitMs, host, null, limitMs / 2, watched.slice(0, MAX_KNOWN));
}

/** Names the watches that an examination was told of: it returns their positions. */
export function toAnswer(
  examination: HostExamination,
  host: string,
  watched: readonly string[] = [],
): Answer {
  const sightings = (examination.known ?? []).flatMap(([position, symptom]) => {
    const watchId = watched[position];
    return watchId === undefined ? [] : { watchId, host, symptom };
  });
  return { ...examination, watched: sightings };
}

/** Starts and wakes the watches that an answer calls for. */
export async function wake(round: Round, { symptoms, watched }: Answer): Promise<void> {
  const poking = watched.length > 0 ? round.pokeWatched(watched) : null;
  await round.watchSymptoms(symptoms);
  if (poking !== null) await poking;
}

/** Examines all hosts at once. Null for one that does not answer within the interval; the summary says why. */
function examineHosts(
  reaper: Reaper,
  { hosts, policy }: Scan,
  summary: SweepSummary,
): Promise<Answer | null>[] {
  const limitMs = toLimitMs(policy);
  const watched = reaper.watchedByHost();
  return hosts.map(async ({ host, queue }) => {
    try {
      const known = watched.get(host);
      const answer = toAnswer(await examine({ host, queue }, limitMs, known), host, known);
      summary.hostsAnswered.push(host);
      if (answer.unknown > 0) summary.unknownRuns[host] = answer.unknown;
      return answer;
    } catch (error) {
      const why = whyNotAnswered(error);
      if (why === null) summary.hostsWithoutProbe.push(host);
      else summary.hostsFailing[host] = why.slice(0, MAX_CAUSE);
      return null;
    }
  });
}
