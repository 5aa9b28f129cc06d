import { log } from '@temporalio/workflow';
import type { HostExamination } from '../activities/probe.js';
import type { Scan, Symptom, WatchTarget } from '../activities/jobs.js';
import { examineHost, recordSweep, scan, settleOwed } from './activity-proxies.js';
import type { Poke, SweepSummary } from './messages.js';
import type { Reaper } from './reaper-state.js';
import { pokeWatch, startWatch } from './watches.js';

/** One pass over all running jobs: scan, examine every host, start and poke watches, record. Never throws. */
export async function sweep(reaper: Reaper): Promise<void> {
  const summary: SweepSummary = {
    number: reaper.beginSweep(),
    atMs: Date.now(),
    running: 0,
    watching: 0,
    symptoms: 0,
    started: 0,
    alreadyStarted: 0,
    poked: 0,
    hostsAnswered: [],
    hostsWithoutProbe: [],
    unwatchable: [],
    unwatchableCount: 0,
    error: null,
  };
  try {
    await pass(reaper, summary);
  } catch (error) {
    summary.error = (error as Error).message;
  }
  summary.watching = reaper.watches.size;
  try {
    reaper.status = await recordSweep(summary.atMs, summary);
  } catch (error) {
    summary.error ??= (error as Error).message;
  }
  logChange(reaper.lastSweep?.error ?? null, summary.error);
  reaper.lastSweep = summary;
  reaper.ended = summary.number;
}

/** One line when sweeps begin to fail and one when they no longer do. */
function logChange(before: string | null, now: string | null): void {
  if (before === null && now !== null) log.warn(`sweeps fail: ${now}`);
  if (before !== null && now === null) log.info('sweeps succeed again');
}

async function pass(reaper: Reaper, summary: SweepSummary): Promise<void> {
  const found = await scan(reaper.rowCursor);
  const { policy } = found;
  reaper.learn(policy);
  // Ages and answers are told by the database's clock.
  summary.atMs = found.atMs;
  summary.running = found.running;
  summary.unwatchable = found.unwatchable.sample;
  summary.unwatchableCount = found.unwatchable.count;

  const hosts = await examineHosts(reaper, found, summary);
  const sawAll = found.symptoms.next === null && hosts.every(({ next }) => next === null);
  reaper.rowCursor = found.symptoms.next;

  const isBlocked = !policy.enabled || found.paused !== null;
  const symptoms = new Map<string, Symptom>();
  for (const symptom of [...found.symptoms.items, ...hosts.flatMap((host) => host.symptoms)]) {
    if (!isBlocked) symptoms.set(symptom.watchId, symptom);
  }
  summary.symptoms = symptoms.size;
  await tend(reaper, found, symptoms, sawAll, summary);
  await settleAll(found.owed);
}

/** All hosts at once, each on its own queue; one that does not answer within the interval is without a probe. */
async function examineHosts(reaper: Reaper, found: Scan, summary: SweepSummary): Promise<HostExamination[]> {
  const limitMs = Math.max(1_000, found.policy.intervalS * 1_000);
  const answers = await Promise.all(
    found.hosts.map(async ({ host, queue }) => {
      try {
        const after = reaper.hostCursors.get(host) ?? null;
        return { host, examination: await examineHost(queue, limitMs, host, after, limitMs / 2) };
      } catch {
        return { host, examination: null };
      }
    }),
  );
  reaper.hostCursors.clear();
  for (const { host, examination } of answers) {
    (examination ? summary.hostsAnswered : summary.hostsWithoutProbe).push(host);
    if (examination?.next) reaper.hostCursors.set(host, examination.next);
  }
  return answers.flatMap(({ examination }) => examination ?? []);
}

/** Starts watches where they are due and free, and pokes those whose run shows a symptom or may be over. */
async function tend(
  reaper: Reaper,
  { policy, runs }: Scan,
  symptoms: Map<string, Symptom>,
  sawAll: boolean,
  summary: SweepSummary,
): Promise<void> {
  const park = runs !== null;
  const pokes: { target: WatchTarget; poke: Poke }[] = [];
  // Symptoms first: they must not wait for a place behind healthy runs.
  const due = new Map<string, WatchTarget>(symptoms);
  for (const run of runs ?? []) due.set(run.watchId, run);

  const begin = [...due.values()].filter(({ watchId }) => !reaper.watches.has(watchId));
  const free = Math.max(0, policy.maxWatches - reaper.watches.size);
  const started = begin.slice(0, free);
  for (const [watchId, target] of reaper.watches) {
    if (symptoms.has(watchId)) pokes.push({ target, poke: { why: 'symptom', park } });
    else if (park ? !due.has(watchId) : sawAll) pokes.push({ target, poke: { why: 'look', park } });
  }

  await Promise.all([
    ...started.map(async (target) => {
      const poke: Poke | null = symptoms.has(target.watchId) ? { why: 'symptom', park } : null;
      const isNew = await startWatch(reaper, target, poke, policy.searchAttributes);
      summary[isNew ? 'started' : 'alreadyStarted'] += 1;
    }),
    ...pokes.map(async ({ target, poke }) => {
      if (await pokeWatch(reaper, target, poke)) summary.poked += 1;
    }),
  ]);
}

/** Best effort: what stays owed is tried again by the next sweep. */
async function settleAll(owed: number[]): Promise<void> {
  const results = await Promise.allSettled(owed.map((ledgerId) => settleOwed(ledgerId)));
  const failed = results.filter(({ status }) => status === 'rejected').length;
  if (failed > 0) log.warn(`${failed} notifications stay owed`);
}
