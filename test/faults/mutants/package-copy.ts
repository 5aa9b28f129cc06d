import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../../src/paths.js';
import type { Edit } from './mutant.js';

/** Below the package, so that its dependencies are found from there. */
const FOLDER = join(packageRoot, '.cache', 'mutants');

/** What runs: the code, the SQL, and the file by which a package knows its root. */
const PARTS = ['package.json', 'dist', 'sql'];

/**
 * Copies the built package and breaks the copy.
 *
 * @returns the copy's root
 * @throws when a text is not there exactly once: then the mutant has to follow the code
 */
export async function copyPackage(name: string, edits: readonly Edit[]): Promise<string> {
  const root = join(FOLDER, name);
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  for (const part of PARTS) await cp(join(packageRoot, part), join(root, part), { recursive: true });
  for (const edit of edits) await apply(root, edit);
  if (edits.some(({ file }) => /^dist\/src\/(workflows|domain)\//.test(file))) {
    await execa(process.execPath, [join(root, 'dist', 'scripts', 'bundle-workflows.js')]);
  }
  return root;
}

async function apply(root: string, { file, from, to }: Edit): Promise<void> {
  const path = join(root, file);
  const text = await readFile(path, 'utf8');
  const times = text.split(from).length - 1;
  if (times !== 1) {
    throw new Error(
      `Expected the text to break once in ${file}, got it ${times} times: adapt the mutant to the code.\n${from}`,
    );
  }
  // A function, since a text may hold what `replace` takes for a pattern.
  await writeFile(
    path,
    text.replace(from, () => to),
  );
}
