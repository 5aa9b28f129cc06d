import { execFile, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/paths.js';

const FOLDER = join(tmpdir(), 'job-reaper-python');

/** The recipes, by the names under which a user of Procrastinate copies them. */
const RECIPES = { 'process_token.py': 'token.py', 'announce_procrastinate.py': 'announce_procrastinate.py' };

/**
 * Installs packages from PyPI and the recipes into a folder of their own, or finds them there.
 *
 * @param packages with their versions, such as `procrastinate==3.10.0`
 * @returns the folder, for PYTHONPATH; null if Python or the packages cannot be had
 */
export async function installPython(...packages: string[]): Promise<string | null> {
  if (spawnSync('python3', ['-m', 'pip', '--version']).status !== 0) return null;
  const recipes: [string, string][] = [];
  for (const [name, recipe] of Object.entries(RECIPES)) {
    recipes.push([name, await readFile(join(packageRoot, 'docs/recipes', recipe), 'utf8')]);
  }
  const hash = createHash('sha256').update(JSON.stringify([packages, recipes]));
  const target = join(FOLDER, hash.digest('hex').slice(0, 16));
  if (existsSync(target)) return target;
  await mkdir(FOLDER, { recursive: true });
  const folder = await mkdtemp(join(FOLDER, 'install-'));
  try {
    const words = ['-m', 'pip', 'install', '--quiet', '--no-input', '--target', folder, ...packages];
    await promisify(execFile)('python3', words, { timeout: 300_000 });
    for (const [name, text] of recipes) await writeFile(join(folder, name), text);
    await rename(folder, target);
    return target;
  } catch {
    // Perhaps another test file was faster.
    return existsSync(target) ? target : null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
