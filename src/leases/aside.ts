import type { LeaseFolder } from './folder.js';
import type { LeaseNames } from './names.js';

/**
 * Moves the file that is meant from the lease's own name to a new aside name. Only after the rename is it known what was
 * moved: anything else is put back.
 *
 * @param id the file that is meant
 * @returns the aside name, or null when that file no longer stands under the lease's own name
 */
export async function moveAside(folder: LeaseFolder, names: LeaseNames, id: string): Promise<string | null> {
  if ((await folder.idOf(names.lease)) !== id) return null;
  const aside = names.newAside();
  if (!(await folder.rename(names.lease, aside))) return null;
  if ((await folder.idOf(aside)) === id) return aside;
  await putBack(folder, names, aside);
  return null;
}

/**
 * Puts a lease that was moved aside back under its own name, unless another one stands there now: then it stays aside,
 * where it is held as well.
 */
export async function putBack(folder: LeaseFolder, names: LeaseNames, aside: string): Promise<void> {
  const result = await folder.link(aside, names.lease);
  if (result === 'absent') return;
  const id = await folder.idOf(aside);
  if (result === 'linked' || (id !== null && id === (await folder.idOf(names.lease)))) {
    await folder.unlink(aside);
  }
}
