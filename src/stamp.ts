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

/** What Postgres keeps of a session's name, in bytes; it cuts the rest. */
const MAX_NAME = 63;

/**
 * A name for this process's Postgres sessions (`application_name`) that has its token, for queues whose rows name no worker, such as
 * pg-boss. Pass it where the pool is made, in the process that runs the jobs.
 *
 * @param name what it begins with, for pg-boss `pgboss`; it is cut so that the token fits
 * @returns without a token where no process can be identified: then the worker's runs are unknown
 */
export function sessionName(name = 'pgboss'): string {
  const token = processToken();
  const printable = name.replaceAll(/[^ -~]/g, '?');
  return token === null ? printable : `${printable.slice(0, MAX_NAME - token.length - 1)} ${token}`;
}

function readOwn(): string | null {
  try {
    return readToken('self');
  } catch {
    return null;
  }
}
