/** What is the matter with a lease folder, by the code with which a system call failed, and what to do about it. */
const REMEDIES: Record<string, string> = {
  EROFS: 'to be writable, got a read-only file system: mount it so that it can be written to',
  ENOSPC: 'to have room for a file, got a full file system: free some space, or some inodes',
  EDQUOT: 'to have room for a file, got a quota that is used up: free some space',
  EACCES: 'to be readable and writable for this process: correct its rights',
  EPERM: 'to be readable and writable for this process: correct its rights',
  ENOENT: 'to be there, got nothing: make it, or correct MERGE_LEASE_DIR',
  ENOTDIR: 'to be a folder: correct MERGE_LEASE_DIR',
  ESTALE: 'to be mounted, got a mount that is out of date: mount it anew',
};

const NO_LINKS =
  'to be on a file system with hard links, without which two could hold one lease: put MERGE_LEASE_DIR on one that has them';

/** Codes by which a file system says that it has no hard links. */
const WITHOUT_LINKS = ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EPERM', 'EMLINK'];

/**
 * A failed system call in words: what is the matter with the folder, and what to do. The error's code stays.
 *
 * @param call which failed
 */
export function folderError(path: string, call: string, cause: unknown): Error {
  const { code = '', message } = cause as NodeJS.ErrnoException;
  const hasNoLinks = call === 'link' && WITHOUT_LINKS.includes(code);
  const remedy = hasNoLinks ? NO_LINKS : REMEDIES[code];
  const text =
    remedy === undefined
      ? `to take a ${call}, got ${message}: see that its disk and its mount are well`
      : `${remedy} (${code})`;
  return Object.assign(new Error(`Expected the lease folder \`${path}\` ${text}`, { cause }), { code });
}
