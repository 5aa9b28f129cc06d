import { randomUUID } from 'node:crypto';
import { shown } from '../domain/wording.js';

/**
 * What a repo's file is, by its name:
 *
 * - `lease`: the lease under its main name
 * - `held`: the aside name that a holder's file has as long as the lease is held
 * - `aside`: a lease that was moved aside, until it is known whether it is the one to remove
 * - `temporary`: a lease that is being written
 */
export type LeaseNameKind = 'lease' | 'held' | 'aside' | 'temporary';

const REPO = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;
/** The repo names that can have leases. */
export const REPO_NAME_RULE = '1 to 100 characters of A-Z a-z 0-9 . _ - that do not begin with a dot';
const SUFFIX = /^\.(aside-held|aside|tmp)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The names of one repo's files. A suffix ends with a UUID and a lease with `.json`, so that one repo's files never look
 * like those of another.
 */
export class LeaseNames {
  /** The lease's main name, visible to everybody. */
  readonly lease: string;

  /** @throws RangeError for a name with which a file could be outside the lease folder */
  constructor(readonly repo: string) {
    if (!isRepoName(repo)) {
      throw new RangeError(`Expected \`repo\` to be ${REPO_NAME_RULE}, got ${shown(repo)}: use another name`);
    }
    this.lease = `.merge-lease-${repo}.json`;
  }

  newHeld(): string {
    return `${this.lease}.aside-held-${randomUUID()}`;
  }

  newAside(): string {
    return `${this.lease}.aside-${randomUUID()}`;
  }

  newTemporary(): string {
    return `${this.lease}.tmp-${randomUUID()}`;
  }

  /** What a file of the folder is to this repo, or null if it belongs to another one or to none. */
  kindOf(name: string): LeaseNameKind | null {
    if (name === this.lease) return 'lease';
    if (!name.startsWith(this.lease)) return null;
    switch (SUFFIX.exec(name.slice(this.lease.length))?.[1]) {
      case 'aside-held':
        return 'held';
      case 'aside':
        return 'aside';
      case 'tmp':
        return 'temporary';
      default:
        return null;
    }
  }
}

/** Whether a repo of that name can have leases: none of these names leads outside the lease folder. */
export function isRepoName(text: string): boolean {
  return REPO.test(text);
}
