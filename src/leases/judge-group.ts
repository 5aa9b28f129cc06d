import {
  DEFAULT_LEASE_TTL_S,
  judgeLease,
  judgeUnreadable,
  type LeaseReclaim,
  type LeaseVerdict,
} from '../domain/lease.js';
import type { Liveness } from '../domain/liveness.js';
import { driverFor, probeProcess, type LivenessDriver } from '../liveness/index.js';
import type { HostClock } from './host-clock.js';
import type { LeaseGroup, SeenFile } from './survey.js';

/** Where a reclaim runs: a pid has a meaning only on its own host. */
export interface Standpoint {
  /** This host, as in REAPER_HOST. */
  host: string;
  /** The operator's assurance that every launcher on this host shares this process's pid namespace. */
  sharedPidNamespace: boolean;
  /** How to look at holders. @default this platform's driver, on its own `/proc` */
  driver?: LivenessDriver;
}

/** The host named in a holding's file, or null. */
export function hostOf({ files }: LeaseGroup): string | null {
  const content = files.at(-1)?.content;
  return content?.kind === 'lease' ? content.lease.host : null;
}

/** Judges a holding by its newest term, with a fresh probe of its holder. Returns the verdict, and what a reclaim would record. */
export async function judgeGroup(
  group: LeaseGroup,
  repo: string,
  standpoint: Standpoint,
  clock: HostClock,
): Promise<LeaseVerdict & { reclaim: LeaseReclaim }> {
  const newest = group.files.at(-1);
  if (newest === undefined) throw new Error(`Expected files in group \`${group.key}\`, got none`);
  const evidence = { files: group.files.map(({ name }) => name), written_at: newest.writtenAt };
  if (newest.content.kind === 'unreadable') {
    const verdict = judgeUnreadable(newest.content.why, newest.writtenAt, clock.now(DEFAULT_LEASE_TTL_S));
    const key = `${repo} file ${newest.id} written ${newest.writtenAt.toISOString()}`;
    const unknown = { token: null, pid: null, host: null, identity: null, acquiredAt: null, ttlS: null };
    return { ...verdict, reclaim: { ...unknown, key, repo, reason: verdict.reason, evidence } };
  }
  const { lease } = newest.content;
  const liveness = await probeHolder(newest, standpoint);
  const verdict = judgeLease(lease, newest.writtenAt, liveness, clock.now(lease.ttlS));
  const key = `${repo} token ${lease.token} held since ${lease.heldSince.toISOString()}`;
  const reclaim = { ...lease, key, repo, reason: verdict.reason, evidence: { ...evidence, liveness } };
  return { ...verdict, reclaim };
}

async function probeHolder({ content }: SeenFile, standpoint: Standpoint): Promise<Liveness> {
  if (content.kind !== 'lease') return { state: 'unknown', proven: false, evidence: content.why };
  const { host, sharedPidNamespace, driver: platform = driverFor() } = standpoint;
  const { lease } = content;
  if (lease.host === host) {
    const holder = { pid: lease.pid, processIdentity: lease.identity };
    return probeProcess(holder, { sharedPidNamespace, driver: await platform.prepare([holder]) });
  }
  const evidence = `its host is ${lease.host}, this host is ${host}`;
  return { state: 'unknown', proven: false, evidence };
}
