import type { LeaseFolder } from './folder.js';
import type { LeaseNames } from './names.js';

/**
 * A name under which somebody else holds the repo's lease, or may hold it. A name that was listed but disappeared before
 * it could be checked counts too, because its file may now be under another name. Null if there is none.
 *
 * @param own the caller's files
 */
export async function findForeign(
  folder: LeaseFolder,
  names: LeaseNames,
  own: string[] = [],
): Promise<string | null> {
  for (const { name, kind } of await folder.list(names)) {
    if (kind === 'temporary') continue;
    const id = await folder.idOf(name);
    if (id === null || !own.includes(id)) return name;
  }
  return null;
}
