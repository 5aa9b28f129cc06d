import type { HeldLease } from './acquire.js';
import { LeaseNames } from './names.js';
import { removeNames } from './remove-names.js';

/**
 * Gives up a lease that this process holds.
 *
 * @returns false if it had already been lost: it was reclaimed, and another process may hold it
 * @throws LeaseError when the file system returns an error: try again
 */
export async function releaseLease({ folder, lease, heldAs }: HeldLease): Promise<boolean> {
  const file = await folder.open(heldAs);
  if (file === null) return false;
  try {
    await removeNames(folder, new LeaseNames(lease.repo), file);
    return true;
  } finally {
    await file.close();
  }
}
