import type { LeaseFolder } from './folder.js';
import type { LeaseNames } from './names.js';

/**
 * A name under which somebody else holds the repo's lease, or may: one that was listed and is gone before it could be
 * looked at counts too, as what stood there may now stand elsewhere. Null when there is none.
 *
 * @param own the caller's own files
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
