/**
 * What workers of a queue import from `job-reaper/stamp`, so that a row names the process that runs it: the token of this process, and
 * how a worker announces it. It loads only Node's own modules, in milliseconds.
 *
 * @packageDocumentation
 */
import { readToken } from './liveness/read-token.js';

export { announce, type Announcement, type AnnounceOptions, type WorkerQuery } from './stamp/announce.js';

let known: { pid: number; token: string | null } | undefined;

/**
 * The token of this process: 36 characters that name exactly this process, to be used as a worker's name, or as part of one. It is read
 * in this process, never inherited; do not put it into an environment variable, because child processes would have it, too.
 *
 * @returns null where no process can be identified (macOS, Windows, `/proc` hidden): use any other name, and the worker's runs are unknown
 */
export function processToken(): string | null {
  if (known?.pid !== process.pid) known = { pid: process.pid, token: readOwn() };
  return known.token;
}

function readOwn(): string | null {
  try {
    return readToken('self');
  } catch {
    return null;
  }
}
