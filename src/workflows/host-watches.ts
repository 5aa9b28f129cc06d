import { log, ParentClosePolicy, startChild, workflowInfo } from '@temporalio/workflow';
import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import type { Scan } from '../activities/sweeps.js';
import { MAX_HOST_LOOKS } from '../domain/host-look.js';
import { isSafePart } from '../domain/safe-part.js';
import type { Policy } from '../domain/types.js';
import type { HostWatchResult } from './host-watch-state.js';
import { REAPER_HOST, toKeyword } from './search-attributes.js';
import { watchHost } from './watch-host.js';

/** A workflow has room for 2,000 open children, and fails if it starts more. Those that are not host watches are single watches. */
const MAX_CHILDREN = 1_950;
/** Milliseconds after which an open one may be stuck, as after an upgrade that its history does not fit, and at least so many intervals. */
const LATE_MS = 600_000;
const LATE_INTERVALS = 20;
/** Milliseconds after which it is asked again at the latest whether one that was carried over is still open. */
const ASK_MS = 60_000;
/** Open ones that a sweep's summary names, and characters of such a name. */
const NAMED = 5;
const MAX_HOST = 100;

/** Maximum of characters of what is carried over: an input has room for two megabytes. */
const MAX_CARRIED = 250_000;

/** A host whose watch is open, since when, and when it may be asked whether it still is, as the next execution gets to know it. */
export type CarriedTurn = readonly [host: string, beganMs: number, askMs?: number];

/** What the reaper knows of the last host watch of a host. */
interface Turn {
  isOpen: boolean;
  /** A previous execution started it, so that its end is not reported here. */
  isCarried?: boolean;
  /** When its end was seen, by the workflow's clock. */
  endedMs?: number;
  /** When it was found or started, by the workflow's clock. */
  beganMs: number;
  /** When the next one may start, or one that was carried over may be asked, by the workflow's clock. */
  nextMs: number;
  /** It left runs that it can do nothing about: the next sweep gives them single watches. */
  leftSome: boolean;
  /** The sweep that does so. */
  singlesIn: number | null;
}

/** Which host watches are open, and when the reaper may start others. One that it does not know of is found by its id. */
export class HostTurns {
  readonly #turns: Map<string, Turn>;

  /** @param carried those that were open when the previous execution ended */
  constructor(carried: readonly CarriedTurn[] = []) {
    const turn = { isOpen: true, isCarried: true, leftSome: false, singlesIn: null };
    this.#turns = new Map(
      carried.map(([host, beganMs, askMs = whenToAsk(beganMs)]) => [
        host,
        { ...turn, beganMs, nextMs: askMs },
      ]),
    );
  }

  /** Those that are open, as many as there is room for: the next execution finds the others by their ids. */
  carry(): CarriedTurn[] {
    let left = MAX_CARRIED;
    return [...this.#turns].flatMap(([host, { isOpen, isCarried, beganMs, nextMs }]) => {
      if (!isOpen) return [];
      // An execution can be shorter than the time until it is asked, so that time goes on over several.
      const turn = [host, beganMs, isCarried === true ? nextMs : whenToAsk(beganMs)] as const;
      left -= JSON.stringify(turn).length;
      return left >= 0 ? [turn] : [];
    });
  }

  /** Whether it is time to try to start one that was carried over, which shows whether it is still open. */
  mayAsk(host: string): boolean {
    const { isOpen, isCarried, nextMs } = this.#turns.get(host) ?? {};
    return isOpen === true && isCarried === true && Date.now() >= (nextMs ?? Infinity);
  }

  /** To be called before one that was carried over is asked. */
  asking(host: string, { intervalS }: Pick<Policy, 'intervalS'>): void {
    const turn = this.#turns.get(host);
    if (turn === undefined) return;
    turn.nextMs = Math.max(Date.now() + 1000 * intervalS, whenToAsk(turn.beganMs));
  }

  /** Forgets those that were carried over on other hosts than these: where no run shows a symptom, they are over. */
  keepCarried(hosts: ReadonlySet<string>): void {
    for (const [host, { isCarried }] of this.#turns) {
      if (isCarried === true && !hosts.has(host)) this.#turns.delete(host);
    }
  }

  /** Whether a host's watch was seen to end after some time. */
  endedAfter(host: string, ms: number): boolean {
    const { isOpen, endedMs } = this.#turns.get(host) ?? {};
    return isOpen === false && endedMs !== undefined && endedMs > ms;
  }

  /**
   * Whether the runs of a host are to get single watches in this sweep, although there are many. Also beside a host watch that has been
   * open for very long: the claim decides between them.
   */
  isForSingles(host: string, sweep: number, { intervalS }: Pick<Policy, 'intervalS'>): boolean {
    const turn = this.#turns.get(host);
    if (turn === undefined) return false;
    if (turn.isOpen) return isLate(turn, intervalS);
    if (turn.leftSome) {
      turn.leftSome = false;
      turn.singlesIn = sweep;
    }
    return turn.singlesIn === sweep || Date.now() < turn.nextMs;
  }

  isOpen(host: string): boolean {
    return this.#turns.get(host)?.isOpen === true;
  }

  /** How many are open, and the first of their hosts; empty for the runs of no host. */
  get open(): { count: number; first: string[] } {
    const hosts = [...this.#turns].flatMap(([host, { isOpen }]) => (isOpen ? [host] : []));
    return { count: hosts.length, first: hosts.slice(0, NAMED).map((host) => host.slice(0, MAX_HOST)) };
  }

  /** How many more may be open at once, besides as many single watches as the policy allows. */
  room({ maxWatches }: Pick<Policy, 'maxWatches'>): number {
    return MAX_CHILDREN - maxWatches - this.open.count;
  }

  began(host: string): void {
    this.#turns.set(host, {
      isOpen: true,
      beganMs: Date.now(),
      nextMs: Infinity,
      leftSome: false,
      singlesIn: null,
    });
  }

  /** @param leftSome whether the watch left runs; true if it is not known */
  ended(host: string, beganMs: number, leftSome: boolean, { intervalS }: Policy): void {
    const intervalMs = 1000 * intervalS;
    // Those that leave some take turns with single watches.
    const nextMs = beganMs + (leftSome ? Math.max(intervalMs, 2 * (Date.now() - beganMs)) : intervalMs);
    this.#turns.set(host, {
      isOpen: false,
      endedMs: Date.now(),
      beganMs,
      nextMs,
      leftSome,
      singlesIn: null,
    });
  }

  /**
   * Forgets those that nothing depends on any more, for a sweep whose facts were asked for at some time. Also those that were carried
   * over and are late: most are over, which nobody told, and one that is stuck is found by its id.
   */
  tidy(readMs: number, { intervalS }: Pick<Policy, 'intervalS'>): void {
    for (const [host, turn] of this.#turns) {
      const { isOpen, isCarried, nextMs, leftSome } = turn;
      const isKept = isOpen
        ? isCarried !== true || !isLate(turn, intervalS)
        : leftSome || nextMs > Date.now() || this.endedAfter(host, readMs);
      if (!isKept) this.#turns.delete(host);
    }
  }
}

function isLate({ beganMs }: Turn, intervalS: number): boolean {
  return Date.now() - beganMs > Math.max(LATE_MS, LATE_INTERVALS * 1000 * intervalS);
}

/** The longer one has been open, the longer it may take. */
function whenToAsk(beganMs: number): number {
  return Date.now() + Math.min(Date.now() - beganMs, ASK_MS);
}

/** Whether the policy knows of host watches at all. */
export function hasHostWatches(policy: Policy): policy is Policy & { batchAbove: number } {
  return policy.batchAbove !== undefined && policy.deadTicks <= MAX_HOST_LOOKS;
}

/**
 * The id of a host's watch; null if only a hash could name it and the scan did not list the host.
 *
 * @param host empty for the runs of no host
 */
export function hostWatchId(host: string, { hosts }: Pick<Scan, 'hosts'>): string | null {
  const { workflowId } = workflowInfo();
  if (host === '') return `${workflowId}/no-host`;
  if (isSafePart(host)) return `${workflowId}/host/${host}`;
  const known = hosts.find((each) => each.host === host);
  return known?.queue.replace(`${workflowId}/probe/`, `${workflowId}/host/`) ?? null;
}

/** Starts the watch of a host. False if it was already there, or could not be started: then the next sweep gives single watches. */
export async function startHostWatch(
  turns: HostTurns,
  host: string,
  workflowId: string,
  policy: Policy,
): Promise<boolean> {
  const beganMs = Date.now();
  const mayBeOpen = turns.isOpen(host);
  if (mayBeOpen) turns.asking(host, policy);
  else turns.began(host);
  const ended = (leftSome: boolean) => turns.ended(host, beganMs, leftSome, policy);
  const named = host === '' ? 'no host' : `host ${host.slice(0, MAX_HOST)}`;
  try {
    const child = await startChild(watchHost, {
      workflowId,
      args: [{ host: host === '' ? null : host }],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      staticSummary: `Watch of ${named}`,
      staticDetails: `Repairs the runs of ${named} together, because many show a symptom at once.`,
      ...(policy.searchAttributes &&
        host !== '' && { typedSearchAttributes: [{ key: REAPER_HOST, value: toKeyword(host) }] }),
    });
    if (mayBeOpen) turns.began(host);
    log.warn(`many runs of ${named} show a symptom: one watch repairs them together`, {
      workflow_id: workflowId,
    });
    void child.result().then(
      (result: HostWatchResult) => ended(hasLeftSome(result)),
      () => ended(true),
    );
    return true;
  } catch (error) {
    if (mayBeOpen && error instanceof WorkflowExecutionAlreadyStartedError) return false;
    // One that is already there was started by a reaper that was terminated, say. It ends by itself; in case it does not, single watches
    // take turns with it.
    if (!(error instanceof WorkflowExecutionAlreadyStartedError))
      log.warn(`the watch of ${named} could not be started`, { error });
    ended(true);
    return false;
  }
}

/** Whether there may be runs that a host watch can do nothing about: also if it did nothing at all. */
function hasLeftSome({ left, stopped, claimed, recorded, alerted }: HostWatchResult): boolean {
  return left > 0 || stopped !== null || claimed + recorded + alerted === 0;
}
