import { link, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import type { LeaseReclaim } from '../../src/domain/lease.js';
import type { LeaseFolder } from '../../src/leases/index.js';
import {
  acquireLease,
  LeaseNames,
  reclaimLeases,
  type HeldLease,
  type ReclaimOptions,
  type RepoReport,
} from '../../src/leases/index.js';
import { processIdentity } from '../../src/liveness/index.js';
import { end, startSleep, until } from '../liveness/processes.js';

export const HOST = hostname();
/** The file name of the lease of repo `web`. */
export const LEASE = new LeaseNames('web').lease;

/** A new lease folder for each test. */
export function useLeaseFolder(): { readonly path: string; files(): Promise<string[]> } {
  let path = '';
  beforeEach(async () => (path = await mkdtemp(join(tmpdir(), 'leases-'))));
  afterEach(() => rm(path, { recursive: true }));
  return {
    get path() {
      return path;
    },
    files: async () => (await readdir(path)).sort(),
  };
}

/** A holder's fields in a lease file. */
export interface Holder {
  pid: number;
  host: string;
  identity: string | null;
}

/** A dead holder. */
export async function deadHolder(): Promise<Holder> {
  const { child, pid } = startSleep();
  const identity = processIdentity(pid);
  await end(child);
  return { pid, host: HOST, identity };
}

/** A holder that lives as long as the test. */
export function liveHolder(): Holder {
  return { pid: process.pid, host: HOST, identity: processIdentity(process.pid) };
}

/** The text of a lease of repo `web`; a test overrides only what it is about. */
export function leaseText(holder: Holder, fields: Record<string, unknown> = {}): string {
  const acquired_at = new Date().toISOString();
  return JSON.stringify({ repo: 'web', token: 'token-1', ...holder, acquired_at, ttl_s: 600, ...fields });
}

/** Writes a lease as a dying holder leaves it: under its main name and its held name. */
export async function leaveLease(folder: string, holder: Holder, repo = 'web'): Promise<void> {
  const names = new LeaseNames(repo);
  await writeFile(join(folder, names.lease), leaseText(holder, { repo }));
  await link(join(folder, names.lease), join(folder, names.newHeld()));
}

/** Acquires a lease; throws if it is busy. */
export async function acquire(folder: string | LeaseFolder, ttlS = 600, host = HOST): Promise<HeldLease> {
  const result = await acquireLease({ folder, repo: 'web', ttlS, host });
  if (!result.acquired) throw new Error(`Expected the lease, got: ${result.why}`);
  return result.lease;
}

/** Waits until the next millisecond, because times in lease files have milliseconds. */
export async function nextMillisecond(): Promise<void> {
  const now = Date.now();
  await until(() => Date.now() > now + 1);
}

/** Records the reclaims of a test, once per key. */
export class Records {
  readonly made: LeaseReclaim[] = [];

  record: ReclaimOptions['record'] = (reclaim) => {
    if (this.made.some(({ key }) => key === reclaim.key)) return Promise.resolve({ result: 'known' });
    this.made.push(reclaim);
    return Promise.resolve({ result: 'recorded' });
  };
}

/** Reclaims in repo `web` like this host's reaper, with nothing blocked. */
export async function reclaim(
  folder: string | LeaseFolder,
  options: Partial<ReclaimOptions> = {},
): Promise<RepoReport> {
  const [report] = await reclaimLeases({
    folder,
    repos: ['web'],
    host: HOST,
    sharedPidNamespace: true,
    blockOn: () => Promise.resolve(null),
    record: new Records().record,
    ...options,
  });
  if (report === undefined) throw new Error('Expected a report, got none');
  return report;
}
