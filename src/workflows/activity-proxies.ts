import { proxyActivities, type ActivityOptions } from '@temporalio/workflow';
import type { GateActivities } from '../activities/gates.js';
import type { JobActivities } from '../activities/jobs.js';
import type { LeaseActivities } from '../activities/leases.js';
import type { NotifyActivities } from '../activities/notify.js';
import type { ProbeActivities } from '../activities/probe.js';

/** Postgres ends a statement after 10 s, so no attempt outlives its timeout. */
const DATABASE: ActivityOptions = {
  startToCloseTimeout: '15s',
  retry: { initialInterval: '500ms', maximumInterval: '10s' },
};

/** How long a probe may wait to be picked up. After that, nobody polls the host's queue. Milliseconds. */
const NOBODY_POLLS_MS = 5_000;
/** The same for a host that an operator declared gone. */
const GONE_HOST_MS = 2_000;
/** The same while an operator waits, and for the whole answer. */
const OPERATOR_SILENCE_MS = 3_500;
const OPERATOR_MS = 4_500;

const jobs = proxyActivities<JobActivities>(DATABASE);
/**
 * An attempt covers the gate's own time and the wait for a connection before it. A gate that cannot be asked is retried for about
 * a minute. After that, or if all slots stay taken, the watch gives up its place and tries again later.
 */
const GATE: ActivityOptions = {
  startToCloseTimeout: '6m',
  heartbeatTimeout: '20s',
  scheduleToStartTimeout: '5m',
  scheduleToCloseTimeout: '30m',
  retry: { initialInterval: '1s', maximumInterval: '15s', maximumAttempts: 8 },
};
const notify = proxyActivities<NotifyActivities>({
  startToCloseTimeout: '60s',
  scheduleToCloseTimeout: '10m',
  // What is still owed after that is due again at a later sweep.
  retry: { maximumInterval: '30s', maximumAttempts: 5 },
});

type Args<F extends (...args: never[]) => unknown> = Parameters<F>;

/** Fails soon, because the next sweep is near. */
export const scan = (...args: Args<JobActivities['scan']>) =>
  jobs.scan.executeWithOptions({ summary: 'Scan the running jobs', retry: { maximumAttempts: 3 } }, args);

/** Fails soon, like {@link scan}. */
export const recordSweep = (...args: Args<JobActivities['recordSweep']>) =>
  jobs.recordSweep.executeWithOptions({ summary: 'Record the sweep', retry: { maximumAttempts: 3 } }, args);

export const observeRun = (...args: Args<JobActivities['observeRun']>) =>
  jobs.observeRun.executeWithOptions({ summary: 'Read the run', scheduleToCloseTimeout: '10m' }, args);

export const findRun = (...args: Args<JobActivities['findRun']>) =>
  jobs.findRun.executeWithOptions({ summary: 'Find the run of a job', retry: { maximumAttempts: 3 } }, args);

export const claim = (...args: Args<JobActivities['claim']>) =>
  jobs.claim.executeWithOptions(
    {
      summary: `Claim: ${args[1].outcome} (${args[1].reason})`,
      // Fails soon: a run that cannot be claimed gives up its place and is retried later.
      scheduleToCloseTimeout: '1m',
      retry: { initialInterval: '500ms', maximumInterval: '5s', maximumAttempts: 4 },
    },
    args,
  );

/** Fails soon: if not even this can be written, Postgres is away. */
export const noteClaimTrouble = (...args: Args<JobActivities['noteClaimTrouble']>) =>
  jobs.noteClaimTrouble.executeWithOptions(
    { summary: 'Schedule a retry', retry: { maximumAttempts: 3 } },
    args,
  );

export const takeBackstopAlert = (...args: Args<JobActivities['takeBackstopAlert']>) =>
  jobs.takeBackstopAlert.executeWithOptions(
    { summary: 'Record an alert, once', scheduleToCloseTimeout: '10m' },
    args,
  );

/** Fails soon: a host watch that cannot go on ends, and the next sweep starts another. */
export const planHostWave = (...args: Args<JobActivities['planHostWave']>) =>
  jobs.planHostWave.executeWithOptions(
    { summary: 'Divide the runs into pages', retry: { maximumAttempts: 3 } },
    args,
  );

/** Fails soon, like {@link planHostWave}. */
export const lookAtDeclared = (...args: Args<JobActivities['lookAtDeclared']>) =>
  jobs.lookAtDeclared.executeWithOptions(
    { summary: 'Look without a probe', retry: { maximumAttempts: 3 } },
    args,
  );

/** It tries again by itself what is locked, so an attempt takes longer than others. */
export const settlePage = (...args: Args<JobActivities['settlePage']>) =>
  jobs.settlePage.executeWithOptions(
    {
      summary: `Claim up to ${args[0].runs.length} runs`,
      startToCloseTimeout: '1m',
      scheduleToCloseTimeout: '3m',
      retry: { initialInterval: '500ms', maximumInterval: '5s', maximumAttempts: 4 },
    },
    args,
  );

export const operate = (...args: Args<JobActivities['operate']>) =>
  jobs.operate.executeWithOptions(
    { summary: `${args[0].action} by ${args[0].by}`, scheduleToCloseTimeout: '10m' },
    args,
  );

export const operateAll = (...args: Args<JobActivities['operateAll']>) =>
  jobs.operateAll.executeWithOptions(
    {
      summary: args[0]
        .map(({ action, by }) => `${action} by ${by}`)
        .join(', ')
        .slice(0, 200),
      scheduleToCloseTimeout: '10m',
    },
    args,
  );

/** On the gates' queue. Older workers report none; then on the workflow's own. */
export function judgeExitZero(taskQueue: string | undefined, ...args: Args<GateActivities['judgeExitZero']>) {
  const { judgeExitZero: judge } = proxyActivities<GateActivities>({
    ...GATE,
    ...(taskQueue && { taskQueue }),
  });
  return judge.executeWithOptions({ summary: 'Exit 0: ask the gate' }, args);
}

export const settleOwed = (...args: Args<NotifyActivities['settleOwed']>) =>
  notify.settleOwed.executeWithOptions({ summary: 'Send the notification' }, args);

export const settleDue = (...args: Args<NotifyActivities['settleDue']>) =>
  notify.settleDue.executeWithOptions({ summary: `Send what is due: ${args[0]}` }, args);

/** Examines one host on its own queue. Never takes longer than `limitMs`. */
export function examineHost(queue: string, limitMs: number, ...args: Args<ProbeActivities['examineHost']>) {
  return onHost(queue, limitMs).examineHost.executeWithOptions({ summary: `Examine host ${args[0]}` }, args);
}

/** Probes one process on its host for an operator, who waits for the answer. */
export function probeNow(queue: string, ...args: Args<ProbeActivities['probeRun']>) {
  const options = { summary: `Probe pid ${args[1].pid ?? 'None'} on ${args[0]} for an operator` };
  return onHost(queue, OPERATOR_MS, OPERATOR_SILENCE_MS).probeRun.executeWithOptions(options, args);
}

/** Probes one process on its host. A host that was declared gone is asked too, but not waited for as long. */
export function probeRun(queue: string, isGone: boolean, ...args: Args<ProbeActivities['probeRun']>) {
  const options = { summary: `Probe pid ${args[1].pid ?? 'None'} on ${args[0]}` };
  // Only silence is cut short: a probe that has started gets its full time.
  const silenceMs = isGone ? GONE_HOST_MS : NOBODY_POLLS_MS;
  return onHost(queue, 2 * NOBODY_POLLS_MS, silenceMs).probeRun.executeWithOptions(options, args);
}

/** Looks at many runs on their host. A host that was declared gone is asked too, but not waited for as long. */
export function lookAtHost(queue: string, isGone: boolean, ...args: Args<ProbeActivities['lookAtHost']>) {
  const silenceMs = isGone ? GONE_HOST_MS : NOBODY_POLLS_MS;
  return onHost(queue, 2 * NOBODY_POLLS_MS, silenceMs).lookAtHost.executeWithOptions(
    { summary: `Look at the runs on ${args[0]}` },
    args,
  );
}

/** Reclaims stale merge leases on a worker that has their folder. Never takes longer than `limitMs`. */
export function reclaimLeases(queue: string, limitMs: number) {
  const { reclaimLeases: reclaim } = proxyActivities<LeaseActivities>(once(queue, limitMs));
  return reclaim.executeWithOptions({ summary: 'Reclaim stale merge leases' }, []);
}

function onHost(queue: string, limitMs: number, silenceMs = NOBODY_POLLS_MS) {
  return proxyActivities<ProbeActivities>(once(queue, limitMs, silenceMs));
}

/** For queues that perhaps nobody polls: tried once, because the next sweep asks again. */
function once(taskQueue: string, limitMs: number, silenceMs = NOBODY_POLLS_MS): ActivityOptions {
  return {
    taskQueue,
    scheduleToStartTimeout: Math.min(silenceMs, limitMs),
    scheduleToCloseTimeout: limitMs,
    startToCloseTimeout: limitMs,
    retry: { maximumAttempts: 1 },
  };
}
