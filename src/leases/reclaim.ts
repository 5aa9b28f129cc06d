import { messageOf } from '../domain/trouble.js';
import { DEFAULT_LEASE_TTL_S, type LeaseReclaim, type LeaseRecordResult } from '../domain/lease.js';
import { moveAside, putBack } from './aside.js';
import { LeaseFolder } from './folder.js';
import { hostClock, type HostClock } from './host-clock.js';
import { hostOf, judgeGroup, type Standpoint } from './judge-group.js';
import { LeaseNames } from './names.js';
import { survey, type LeaseGroup, type Survey } from './survey.js';

/** What {@link reclaimLeases} needs. */
export interface ReclaimOptions extends Standpoint {
  folder: string | LeaseFolder;
  repos: readonly string[];
  /** Why leases of this repo and this holder's host must not be reclaimed now, or null. Called before anything is moved. */
  blockOn(repo: string, host: string | null): Promise<string | null>;
  /** Records a reclaim, once per key. The lease is removed only afterwards. */
  record(reclaim: LeaseReclaim): Promise<LeaseRecordResult>;
  /** The clock for the age of leases without a proven holder. @default this process's clock, from its start */
  clock?: HostClock;
}

/** What a reclaim found in one repo. */
export interface RepoReport {
  repo: string;
  /** The most important finding: trouble before reclaimed, blocked, held and free. */
  result: 'free' | 'held' | 'reclaimed' | 'blocked' | 'trouble';
  /** The reasons, one line each. */
  detail: string[];
  /** What this call recorded. */
  reclaimed: LeaseReclaim[];
  /** What a person must check, one line each. */
  trouble: string[];
}

type Finding = Pick<RepoReport, 'result'> & { detail: string; reclaim?: LeaseReclaim };

/**
 * Removes the stale leases of some repos. Each is recorded exactly once, whatever dies in between. Puts back leases that a
 * crash left aside. A failure is trouble for its own repo only. Works on one repo at a time: then a folder that hangs blocks
 * only one of the process's few file threads, not all of them. DNS lookups need these threads too.
 */
export async function reclaimLeases(options: ReclaimOptions): Promise<RepoReport[]> {
  const folder = typeof options.folder === 'string' ? new LeaseFolder(options.folder) : options.folder;
  const reports: RepoReport[] = [];
  for (const repo of new Set(options.repos)) {
    try {
      reports.push(await new RepoReclaim(folder, new LeaseNames(repo), options).run());
    } catch (error) {
      reports.push(toReport(repo, [toTrouble(error)]));
    }
  }
  return reports;
}

class RepoReclaim {
  readonly clock: HostClock;

  constructor(
    readonly folder: LeaseFolder,
    readonly names: LeaseNames,
    readonly options: ReclaimOptions,
  ) {
    this.clock = options.clock ?? hostClock;
  }

  async run(): Promise<RepoReport> {
    const seen = await survey(this.folder, this.names);
    const findings: Finding[] = seen.trouble.map((detail) => ({ result: 'trouble', detail }));
    for (const group of seen.groups) findings.push(await this.handle(group, seen).catch(toTrouble));
    await this.removeTemporaries(seen);
    return toReport(this.names.repo, findings);
  }

  private async handle(group: LeaseGroup, seen: Survey): Promise<Finding> {
    const { stale, reason } = await this.judge(group);
    if (!stale) {
      await this.restore(group, seen);
      return toHeld(group, reason);
    }
    const why = await this.options.blockOn(this.names.repo, hostOf(group));
    return why === null ? this.reclaim(group) : { result: 'blocked', detail: why };
  }

  private async reclaim(judged: LeaseGroup): Promise<Finding> {
    const standing = judged.files.find(({ kind }) => kind === 'lease');
    let moved = standing ? await moveAside(this.folder, this.names, standing.id) : null;
    try {
      // Only the file that is aside now is sure not to be replaced: read everything again.
      const again = await survey(this.folder, this.names);
      const group = again.groups.find(({ key }) => key === judged.key);
      if (group === undefined) return { result: 'free', detail: 'released meanwhile' };
      const { stale, reason, reclaim } = await this.judge(group);
      if (!stale) return { result: 'held', detail: reason };
      const recorded = await this.options.record(reclaim);
      if (recorded.result === 'blocked') return { result: 'blocked', detail: recorded.why };
      for (const { name, kind } of group.files) {
        // Another lease may be under the main name by now; the next reclaim judges it.
        if (kind !== 'lease') await this.folder.unlink(name);
        if (name === moved) moved = null;
      }
      if (recorded.result === 'known') return { result: 'free', detail: 'reclaimed before' };
      return { result: 'reclaimed', detail: reason, reclaim };
    } finally {
      if (moved !== null) await putBack(this.folder, this.names, moved);
    }
  }

  /** Puts a live lease back under its main name if a crash left it aside. */
  private async restore({ files }: LeaseGroup, seen: Survey): Promise<void> {
    const asides = files.filter(({ kind }) => kind === 'aside');
    for (const { name } of asides) await putBack(this.folder, this.names, name);
    const isVacant = seen.groups.every((group) => group.files.every(({ kind }) => kind !== 'lease'));
    const newest = files.at(-1);
    if (isVacant && asides.length === 0 && newest !== undefined) {
      await this.folder.link(newest.name, this.names.lease);
    }
  }

  private async removeTemporaries({ temporaries }: Survey): Promise<void> {
    const now = this.clock.now(DEFAULT_LEASE_TTL_S).getTime();
    const left = temporaries.filter(
      ({ writtenAt }) => now - writtenAt.getTime() >= DEFAULT_LEASE_TTL_S * 1000,
    );
    if (left.length === 0 || (await this.options.blockOn(this.names.repo, null)) !== null) return;
    for (const { name } of left) await this.folder.unlink(name);
  }

  private judge(group: LeaseGroup) {
    return judgeGroup(group, this.names.repo, this.options, this.clock);
  }
}

/** An unreadable file is trouble, with a text that does not change from sweep to sweep. */
function toHeld({ files }: LeaseGroup, reason: string): Finding {
  const newest = files.at(-1);
  if (newest?.content.kind !== 'unreadable') return { result: 'held', detail: reason };
  const detail = `Expected \`${newest.name}\` to be a lease, got an unreadable file: ${newest.content.why}. It counts as held until it is ${DEFAULT_LEASE_TTL_S}s old: remove it manually if nobody is merging`;
  return { result: 'trouble', detail };
}

function toTrouble(error: unknown): Finding {
  return { result: 'trouble', detail: messageOf(error) };
}

const BY_WEIGHT = ['trouble', 'reclaimed', 'blocked', 'held', 'free'] as const;

function toReport(repo: string, findings: Finding[]): RepoReport {
  return {
    repo,
    result: BY_WEIGHT.find((result) => findings.some((finding) => finding.result === result)) ?? 'free',
    detail: findings.map(({ detail }) => detail),
    reclaimed: findings.flatMap(({ reclaim }) => reclaim ?? []),
    trouble: findings.filter(({ result }) => result === 'trouble').map(({ detail }) => detail),
  };
}
