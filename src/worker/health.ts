import { setTimeout } from 'node:timers/promises';
import { readLastSweep } from '../db/last-sweep.js';
import { readControl } from '../db/control.js';
import { isOverdue, overdueAfterS } from '../domain/overdue.js';
import { jsonReply, type Reply } from './admin-server.js';
import type { WorkerContext } from './context.js';

/** Seconds without a turn after which a loop counts as stuck: all its waits have shorter limits. */
const STUCK_AFTER_S = 120;
/** Milliseconds that a server has to answer. */
const LIMIT_MS = 3_000;

/** Whether the worker's own loops still turn. */
export class Pulse {
  #lastMs = performance.now();

  beat(): void {
    this.#lastMs = performance.now();
  }

  /** Seconds since the last turn. */
  get ageS(): number {
    return (performance.now() - this.#lastMs) / 1000;
  }
}

/** The result of one check. */
interface Check {
  ok: boolean;
  detail: string;
}

/**
 * `/healthz`: whether this process is worth keeping. It is not if its loops are stuck: then a restart helps. A server that is
 * away does not count, because restarting us would not bring it back.
 */
export function checkHealth({ pulse }: Pick<WorkerContext, 'pulse'>): Reply {
  const ageS = Math.round(pulse.ageS);
  const detail = `the worker's loop turned ${ageS} s ago`;
  return toReply({ loop: { ok: ageS <= STUCK_AFTER_S, detail } });
}

/** `/readyz`: whether this worker does its work now: both servers answer, it polls, and sweeps are on time. */
export async function checkReadiness(context: WorkerContext): Promise<Reply> {
  const [temporal, postgres, sweeps] = await Promise.all([
    check('Temporal', () => askTemporal(context)),
    check('Postgres', () => askPostgres(context)),
    // Role reaper_probe cannot read them, and only a workflow worker could fix them.
    context.parts.workflows ? check('the last sweep', () => checkSweeps(context)) : null,
  ]);
  return toReply({ temporal, postgres, pollers: checkPollers(context), ...(sweeps && { sweeps }) });
}

async function askTemporal({ link }: WorkerContext): Promise<Check> {
  if (link === null) return { ok: false, detail: 'expected a connection, got none yet: retrying' };
  const { connection } = link;
  await connection.withDeadline(Date.now() + LIMIT_MS, () => connection.workflowService.getSystemInfo({}));
  return { ok: true, detail: 'answers' };
}

async function askPostgres({ pools }: WorkerContext): Promise<Check> {
  await pools.others.query('select 1');
  return { ok: true, detail: 'answers' };
}

function checkPollers({ link }: WorkerContext): Check {
  const polling = (link?.workers ?? []).map((worker) => {
    const { runState, workflowPollerState, activityPollerState } = worker.getStatus();
    const isPolling =
      runState === 'RUNNING' && ![workflowPollerState, activityPollerState].includes('FAILED');
    return { queue: worker.options.taskQueue, isPolling };
  });
  const silent = polling.filter(({ isPolling }) => !isPolling).map(({ queue }) => queue);
  if (polling.length === 0) return { ok: false, detail: 'expected pollers, got none: not connected' };
  if (silent.length > 0)
    return { ok: false, detail: `expected all pollers up, got none on ${silent.join(', ')}` };
  return { ok: true, detail: `up on ${polling.map(({ queue }) => queue).join(', ')}` };
}

async function checkSweeps({ pools }: WorkerContext): Promise<Check> {
  const { others } = pools;
  const [last, { policy }] = await Promise.all([readLastSweep(others), readControl(others)]);
  const limitS = overdueAfterS(policy.intervalS);
  const age = last === null ? 'none' : `one ${Math.round(last.ageS)} s ago`;
  if (isOverdue(last, policy.intervalS)) {
    return { ok: false, detail: `expected a sweep within ${limitS} s, got ${age}: see job-reaper doctor` };
  }
  return { ok: true, detail: `the last one was ${Math.round(last?.ageS ?? 0)} s ago` };
}

/** A server that neither answers nor refuses counts as away too. */
async function check(what: string, ask: () => Promise<Check>): Promise<Check> {
  const expired = new AbortController();
  const late = async (): Promise<Check> => {
    await setTimeout(LIMIT_MS, undefined, { signal: expired.signal, ref: false });
    return { ok: false, detail: `expected ${what} to answer within ${LIMIT_MS / 1000} s, got nothing` };
  };
  try {
    return await Promise.race([ask(), late()]);
  } catch (error) {
    return { ok: false, detail: `expected ${what} to answer, got ${(error as Error).message}` };
  } finally {
    expired.abort();
  }
}

function toReply(checks: Record<string, Check>): Reply {
  const ok = Object.values(checks).every((each) => each.ok);
  return jsonReply(ok ? 200 : 503, { ok, checks });
}
