import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder, wherever this module was compiled to. */
export const packageRoot = findPackageRoot(dirname(fileURLToPath(import.meta.url)));

/** The version of this package. */
export const packageVersion = (
  JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
).version;

/**
 * The path of one of our modules, for code that loads it by path: the compiled file if this one is compiled, else the source.
 *
 * @param name relative to the folder `src`, without an extension
 */
export function modulePath(name: string): string {
  return fileURLToPath(
    new URL(`./${name}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
  );
}

function findPackageRoot(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const parent = dirname(folder);
  if (parent === folder)
    throw new Error('Expected a package.json above job-reaper, got none: reinstall the package');
  return findPackageRoot(parent);
}
