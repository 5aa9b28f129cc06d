import { claimMany, MAX_BATCH, type BatchResult } from '../db/claim-many.js';
import { isWorthRetrying } from '../db/worth-retrying.js';
import type { ClaimPlan } from '../domain/claim-plan.js';
import { runName } from '../domain/run-name.js';
import type { JobRun, RunRef } from '../domain/types.js';
import type { HostWatchActivitiesOptions } from './host-watch.js';
import { noteClaim } from './note-claim.js';
import type { PageLooks } from './settle-page.js';
import { Turns } from './turns.js';

/** Batches at a time in this process: as many as there are connections for them. */
const BATCHES_AT_ONCE = 2;

/** A run with the claim that its looks call for. */
export interface Planned {
  run: JobRun;
  plan: ClaimPlan;
  hostGoneBy: string | null;
}

/** Makes the function that claims runs in batches, some batches at a time. */
export function createBatchClaimer(options: HostWatchActivitiesOptions) {
  const { batches } = options;
  const turns = new Turns(BATCHES_AT_ONCE);

  /** Claims all. Nothing is begun after the deadline. */
  return async (planned: readonly Planned[], page: PageLooks, deadline: number): Promise<BatchResult[]> => {
    const parts = Array.from({ length: Math.ceil(planned.length / MAX_BATCH) }, (_, n) =>
      planned.slice(n * MAX_BATCH, (n + 1) * MAX_BATCH),
    );
    return (await Promise.all(parts.map((part) => claimBatch(part, page, deadline)))).flat();
  };

  /** Counts and logs at once: if another batch loses its connection, the results of this one are lost too. */
  function noteAll(batch: readonly Planned[], results: readonly BatchResult[]): void {
    const byRun = new Map(results.map((result) => [runName(result), result]));
    for (const { run, plan } of batch) {
      const { result, ledgerId = null, isAgain } = byRun.get(runName(run)) ?? {};
      if (result === undefined || result === 'left' || isAgain === true) continue;
      noteClaim(options, run, plan, { result: result === 'error' ? 'failed' : result, ledgerId });
    }
  }

  /**
   * Claims a batch. What it left because its time was over is tried at once, as long as that gets somewhere. If the transaction fails as a
   * whole, its halves are tried.
   *
   * @throws if the connection was lost, so that Temporal retries
   */
  async function claimBatch(
    batch: readonly Planned[],
    page: PageLooks,
    deadline: number,
  ): Promise<BatchResult[]> {
    const isLate = () => performance.now() > deadline;
    const tooLate = (): BatchResult[] =>
      batch.map(({ run }) => ({ ...refused(run), result: 'left', detail: 'its look got old' }));
    const { claimer, workflowId } = page;
    const lookedAtMs = page.looks.at(-1)?.readMs ?? 0;
    const claims = batch.map(({ run, plan, hostGoneBy }) => ({ ...plan, run, hostGoneBy }));
    let results: BatchResult[];
    try {
      results = await turns.take(async () =>
        isLate() ? tooLate() : claimMany(batches, { claimer, workflowId, lookedAtMs, claims }),
      );
      noteAll(batch, results);
    } catch (error) {
      if (isWorthRetrying(error)) throw error;
      const [only, ...others] = batch;
      if (only === undefined) return [];
      if (others.length === 0) {
        const failure = failed(only.run, error);
        noteAll(batch, [failure]);
        return [failure];
      }
      const half = Math.ceil(batch.length / 2);
      const first = await claimBatch(batch.slice(0, half), page, deadline);
      return [...first, ...(await claimBatch(batch.slice(half), page, deadline))];
    }
    const left = new Set(results.filter(({ result }) => result === 'left').map(runName));
    if (left.size === 0 || left.size === batch.length) return results;
    const rest = await claimBatch(
      batch.filter(({ run }) => left.has(runName(run))),
      page,
      deadline,
    );
    return [...results.filter(({ result }) => result !== 'left'), ...rest];
  }
}

function refused({ jobId, runKey }: RunRef): Omit<BatchResult, 'result' | 'detail'> {
  return { jobId, runKey, ledgerId: null, notificationId: null, isAgain: false };
}

function failed(run: RunRef, error: unknown): BatchResult {
  const { message, code = '' } = error as Error & { code?: string };
  return { ...refused(run), result: 'error', detail: `${message} (SQLSTATE ${code})` };
}
