import { execFile, execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageRoot } from '../../src/paths.js';

const run = promisify(execFile);

/** The commit of the version before the newest migration, or why it cannot be told. */
export function findCommitBefore(): { commit: string } | { why: string } {
  const newest =
    readdirSync(join(packageRoot, 'sql', 'migrations'))
      .sort()
      .at(-1) ?? '';
  try {
    const added = git('log', '--diff-filter=A', '--format=%H', '--', `sql/migrations/${newest}`).trim();
    // Not committed yet: then the last commit is the one before.
    const commit = added === '' ? 'HEAD' : `${added.split('\n').at(-1) ?? ''}^`;
    return { commit: git('rev-parse', '--verify', '--quiet', `${commit}^{commit}`).trim() };
  } catch {
    return { why: `no git history that reaches back behind ${newest}` };
  }
}

/** Builds a version in a folder of its own, with the packages of this one; returns the folder. */
export async function buildVersion(commit: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'job-reaper-before-'));
  try {
    const archive = join(folder, 'version.tar');
    await run('git', ['archive', '--output', archive, commit], { cwd: packageRoot });
    await run('tar', ['-x', '-f', archive, '-C', folder]);
    await symlink(join(packageRoot, 'node_modules'), join(folder, 'node_modules'), 'dir');
    await run('npm', ['run', 'build'], { cwd: folder });
    return folder;
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

function git(...words: string[]): string {
  return execFileSync('git', words, {
    cwd: packageRoot,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}
