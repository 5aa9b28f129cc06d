import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageRoot } from '../../src/paths.js';
import { groupBy } from '../invariants/group-by.js';
import type { Edit } from './mutant.js';

/** Below the package, so that its dependencies are found from there; each process has its own. */
const FOLDER = join(packageRoot, '.cache', 'mutants', String(process.pid));

const BUNDLER = join('scripts', 'bundle-workflows.mjs');
/** What runs: the code, the SQL, and the file by which a package knows its root. */
const PARTS = ['package.json', 'dist', 'sql', BUNDLER];

/** The program in a copy that plays one scenario. */
export const PLAY = join('dist', 'torture', 'scenario.js');

/**
 * Copies the built package and breaks the copy.
 *
 * @returns the copy's root
 * @throws if a text is not there exactly once: then adapt the mutant to the code
 */
export async function copyPackage(name: string, edits: readonly Edit[]): Promise<string> {
  const root = join(FOLDER, name);
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  for (const part of PARTS) await cp(join(packageRoot, part), join(root, part), { recursive: true });
  for (const [file, text] of await applied(edits)) await writeFile(join(root, file), text);
  if (edits.some(({ file }) => /^dist\/src\/(workflows|domain)\//.test(file))) {
    await execa(process.execPath, [join(root, BUNDLER)]);
  }
  return root;
}

/**
 * Checks that the edits can be made.
 *
 * @throws when a text is not there exactly once
 */
export async function checkEdits(edits: readonly Edit[]): Promise<void> {
  await applied(edits);
}

/** The edited files, with their new content. */
async function applied(edits: readonly Edit[]): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const [file, ofFile] of groupBy(edits, (edit) => edit.file)) {
    const original = await readFile(join(packageRoot, file), 'utf8');
    files.set(file, ofFile.reduce(replaceOnce, original));
  }
  return files;
}

function replaceOnce(text: string, { file, from, to }: Edit): string {
  const [before, after, ...more] = text.split(from);
  if (before !== undefined && after !== undefined && more.length === 0) return before + to + after;
  throw new Error(
    `Expected the text to edit exactly once in ${file}, found it ${text.split(from).length - 1} times: adapt the mutant to the code.\n${from}`,
  );
}
