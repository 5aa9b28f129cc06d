import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/paths.js';

/** Whether programs in Go can be compiled here. */
export const hasGo = spawnSync('go', ['version']).status === 0;

const FOLDER = join(tmpdir(), 'job-reaper-go');

/**
 * Compiles a program, or finds it compiled from the same sources.
 *
 * @param module the folder whose go.mod and go.sum it uses
 * @param sources its files, by name
 * @returns the path of the program
 */
export async function buildGo(module: string, sources: Record<string, string>): Promise<string> {
  const files = { ...sources };
  for (const name of ['go.mod', 'go.sum']) files[name] = await readFile(join(module, name), 'utf8');
  const program = join(FOLDER, createHash('sha256').update(JSON.stringify(files)).digest('hex').slice(0, 16));
  if (existsSync(program)) return program;
  await mkdir(FOLDER, { recursive: true });
  const folder = await mkdtemp(join(FOLDER, 'build-'));
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    await promisify(execFile)('go', ['build', '-o', 'program', '.'], { cwd: folder, timeout: 300_000 });
    await rename(join(folder, 'program'), program);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return program;
}

/** The recipe for tokens without its own `main`, as a user copies it. */
export async function readTokenRecipe(): Promise<string> {
  const recipe = await readFile(join(packageRoot, 'docs/recipes/token.go'), 'utf8');
  return recipe.slice(0, recipe.indexOf('\nfunc main()'));
}
