import { randomUUID } from 'node:crypto';
import { shown } from '../domain/wording.js';

/**
 * What a file of a repo is, by its name:
 *
 * - `lease`: the lease under its own name
 * - `held`: the aside name that a holder gives its lease for as long as it holds it
 * - `aside`: where a lease stands while somebody finds out whether it is the one to remove
 * - `temporary`: a lease that is being written
 */
export type LeaseNameKind = 'lease' | 'held' | 'aside' | 'temporary';

const REPO = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/;
/** What a repo must be called to have leases. */
export const REPO_NAME_RULE = '1 to 100 characters of A-Z a-z 0-9 . _ - that do not begin with a dot';
const SUFFIX = /^\.(aside-held|aside|tmp)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The names of one repo's files. A suffix ends in a UUID and a lease in `.json`, so that no repo's name makes its files
 * look like those of another.
 */
export class LeaseNames {
  /** Where the lease stands, for everybody to see. */
  readonly lease: string;

  /** @throws for a repo whose name could name anything but a file of the lease folder */
  constructor(readonly repo: string) {
    if (!isRepoName(repo)) {
      throw new Error(
        `Expected \`repo\` to be ${REPO_NAME_RULE}, got ${shown(repo)}: name the repo by another word`,
      );
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

  /** What a file of the folder is to this repo, or null when it is none of its files. */
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

/** Whether a repo of that name can have leases: no other could name anything but a file of the lease folder. */
export function isRepoName(text: string): boolean {
  return REPO.test(text);
}
