/** What is wrong with a lease folder and what to do about it, by the error code of a system call. */
const REMEDIES: Record<string, string> = {
  EROFS: 'to be writable, got a read-only file system: mount it so that it can be written to',
  ENOSPC: 'to have room for a file, got a full file system: free some space, or some inodes',
  EDQUOT: 'to have room for a file, got an exhausted quota: free some space',
  EACCES: 'to be readable and writable for this process: correct its permissions',
  EPERM: 'to be readable and writable for this process: correct its permissions',
  ENOENT: 'to exist, got nothing: create it, or correct MERGE_LEASE_DIR',
  ENOTDIR: 'to be a folder: correct MERGE_LEASE_DIR',
  ESTALE: 'to be mounted, got a stale mount: mount it again',
};

const NO_LINKS =
  'to be on a file system with hard links, because without them two processes could hold one lease: move MERGE_LEASE_DIR to one that has them';

/** Error codes of file systems without hard links. */
const WITHOUT_LINKS = ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EPERM', 'EMLINK'];

/** Thrown when a lease cannot be taken, renewed or released because of its folder. Says what is wrong and what to do. */
export class LeaseError extends Error {
  override name = 'LeaseError';

  constructor(
    message: string,
    /** The error code of the system call that failed, such as `EROFS`; undefined if other processes were in the way. */
    readonly code?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * An error that explains a failed system call: what is wrong with the folder, and what to do. It keeps the error code.
 *
 * @param call the system call that failed
 */
export function folderError(path: string, call: string, cause: unknown): LeaseError {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const hasNoLinks = call === 'link' && WITHOUT_LINKS.includes(code);
  const remedy = hasNoLinks ? NO_LINKS : REMEDIES[code];
  const text =
    remedy === undefined
      ? `to allow a ${call}, got ${message}: check its disk and its mount`
      : `${remedy} (${code})`;
  return new LeaseError(`Expected the lease folder \`${path}\` ${text}`, code, { cause });
}
