import type { LeaseFolder } from './folder.js';
import type { LeaseNames } from './names.js';

/**
 * Moves a certain file from the lease's main name to a new aside name. Only after the rename is it known which file was
 * moved: any other one is put back.
 *
 * @param id the file to move
 * @returns the aside name, or null if that file is no longer under the lease's main name
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
 * Puts a lease that was moved aside back under its main name, unless another one is there now: then it stays aside, where
 * it still counts as held.
 */
export async function putBack(folder: LeaseFolder, names: LeaseNames, aside: string): Promise<void> {
  const result = await folder.link(aside, names.lease);
  if (result === 'absent') return;
  const id = await folder.idOf(aside);
  if (result === 'linked' || (id !== null && id === (await folder.idOf(names.lease)))) {
    await folder.unlink(aside);
  }
}
