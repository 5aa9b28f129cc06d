import { messageOf } from '../domain/trouble.js';
import { readToken } from '../liveness/read-token.js';

/** Runs one statement with its parameters, on any connection of the worker's, such as `(text, values) => pool.query(text, values)`. */
export type WorkerQuery = (text: string, values: string[]) => PromiseLike<unknown>;

/** Options of {@link announce}. */
export interface AnnounceOptions {
  /**
   * Gets one line if the first attempt fails, and none after that.
   *
   * @default a warning on the console
   * @example log: (line) => console.error(line)
   */
  log?: (line: string) => void;
}

/** An announcement in progress. */
export interface Announcement {
  /** Resolves once it stands; never if it is stopped before, or this process cannot be identified. */
  stands: Promise<void>;
  /** Ends it, when the worker ends. Not needed before the process ends: it does not keep the process alive. */
  stop: () => void;
}

const ANNOUNCE = 'select reaper.announce($1, $2)';
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** Repeated, so that an announcement stays fresh however long the worker lives: what is old and unused is pruned. */
const REPEAT_MS = 60 * 60_000;

/**
 * Announces that this process is the worker of an id, in the background: retried until it stands, up to a minute apart, and repeated
 * every hour. Never throws, never rejects, and never has more than one statement under way. Until it stands, the worker's runs are
 * unknown, which harms nothing.
 *
 * @param database a pool of node-postgres (or anything with such a `query`), or a function that runs a statement; its login needs
 *   role `reaper_worker`
 * @param workerId what the queue's rows name the worker by: it must never come again, such as graphile-worker's pool id; a number of a
 *   sequence is refused
 */
export function announce(
  database: WorkerQuery | { query: WorkerQuery },
  workerId: string,
  options: AnnounceOptions = {},
): Announcement {
  const { log = (line: string) => console.warn(line) } = options;
  const query: WorkerQuery =
    typeof database === 'function' ? database : (text, values) => database.query(text, values);
  let timer: NodeJS.Timeout | undefined;
  let hasStopped = false;
  let hasComplained = false;
  let resolve: () => void;
  const stands = new Promise<void>((done) => (resolve = done));

  const complain = (error: unknown): void => {
    if (hasComplained) return;
    hasComplained = true;
    try {
      log(
        `job-reaper: worker ${workerId} could not be announced (${messageOf(error)}); retrying in the background`,
      );
    } catch {
      // The worker's log is no reason to stop.
    }
  };
  const attempt = async (retryMs: number): Promise<void> => {
    let nextMs = REPEAT_MS;
    try {
      await query(ANNOUNCE, [workerId, readToken('self')]);
      resolve();
    } catch (error) {
      complain(error);
      nextMs = retryMs;
    }
    if (hasStopped) return;
    // Spread, so that the workers of a deployment do not come back all at once.
    timer = setTimeout(
      () => void attempt(Math.min(2 * retryMs, LAST_RETRY_MS)),
      nextMs * (0.8 + 0.2 * Math.random()),
    );
    timer.unref();
  };
  void attempt(FIRST_RETRY_MS);
  return {
    stands,
    stop: () => {
      hasStopped = true;
      clearTimeout(timer);
    },
  };
}
