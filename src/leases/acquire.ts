import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Lease } from '../domain/lease.js';
import { processIdentity } from '../liveness/identity.js';
import { formatLease } from './content.js';
import { findForeign } from './find-foreign.js';
import { idOf, LeaseFolder } from './folder.js';
import { LeaseError } from './lease-error.js';
import { LeaseNames } from './names.js';
import { removeNames } from './remove-names.js';

/** What {@link acquireLease} needs. */
export interface AcquireOptions {
  /**
   * The lease folder, MERGE_LEASE_DIR; it must exist.
   *
   * @example folder: '/srv/leases'
   */
  folder: string | LeaseFolder;
  /**
   * The repo to merge into: 1 to 100 characters of A-Z a-z 0-9 . _ - that do not begin with a dot.
   *
   * @example repo: 'web'
   */
  repo: string;
  /**
   * Seconds until the lease may be reclaimed from a holder that is not proven alive. Renew it well before.
   *
   * @example ttlS: 600
   */
  ttlS: number;
  /**
   * This host, exactly as REAPER_HOST names it for the worker here: under another name, this process can never be proven alive.
   *
   * @default the host name
   * @example host: 'builder-3'
   */
  host?: string;
}

/** A lease that this process holds. `renewLease` keeps it up to date. */
export interface HeldLease {
  readonly folder: LeaseFolder;
  /** The current term. */
  lease: Lease;
  /** The file name that stays as long as the lease is held. */
  heldAs: string;
}

/** Whether the lease was acquired. */
export type AcquireResult =
  | { acquired: true; lease: HeldLease }
  /** `holder` is null if the file in the way cannot be read, or has disappeared by now. Try again later. */
  | { acquired: false; why: string; holder: Lease | null };

/**
 * Acquires a repo's merge lease for this process. Never waits for another holder.
 *
 * @throws RangeError for an invalid repo name or TTL; LeaseError when the file system returns an error
 */
export async function acquireLease(options: AcquireOptions): Promise<AcquireResult> {
  const { repo, ttlS, host = hostname() } = options;
  const names = new LeaseNames(repo);
  if (!(Number.isFinite(ttlS) && ttlS > 0)) {
    throw new RangeError(`Expected \`ttlS\` to be a number of seconds above 0, got \`${ttlS}\``);
  }
  const folder = typeof options.folder === 'string' ? new LeaseFolder(options.folder) : options.folder;
  const inTheWay = await findForeign(folder, names);
  if (inTheWay !== null) return busy(folder, inTheWay);

  const { pid } = process;
  const now = new Date();
  const lease: Lease = {
    repo,
    token: randomUUID(),
    pid,
    host,
    identity: processIdentity(pid),
    heldSince: now,
    acquiredAt: now,
    ttlS,
  };
  const temporary = names.newTemporary();
  const heldAs = names.newHeld();
  const file = await folder.create(temporary, formatLease(lease));
  try {
    const foreign = await enter();
    if (foreign === null) return { acquired: true, lease: { folder, lease, heldAs } };
    await removeNames(folder, names, file);
    return await busy(folder, foreign);
  } catch (error) {
    await removeNames(folder, names, file);
    throw error;
  } finally {
    await file.close();
  }

  /** Takes both names, then checks whether anybody else holds the lease. Returns a name that is in the way, or null. */
  async function enter(): Promise<string | null> {
    const linked = await folder.link(temporary, names.lease);
    if (linked === 'exists') return names.lease;
    if (linked === 'absent' || !(await folder.rename(temporary, heldAs))) {
      throw new LeaseError(`Expected \`${temporary}\` in the lease folder, got nothing: try again`);
    }
    return findForeign(folder, names, [idOf(await file.stat({ bigint: true }))]);
  }
}

async function busy(folder: LeaseFolder, name: string): Promise<AcquireResult> {
  const found = await folder.read(name);
  if (found.kind !== 'file' || found.content.kind !== 'lease') {
    return { acquired: false, why: `${name} is in the way`, holder: null };
  }
  const holder = found.content.lease;
  return { acquired: false, why: `held by pid ${holder.pid} on ${holder.host}`, holder };
}
