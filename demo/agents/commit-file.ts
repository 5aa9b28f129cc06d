import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';

const AUTHOR = ['-c', 'user.name=developer', '-c', 'user.email=developer@example.org'];

/** Commits a file on top of a branch of the bare repository that DEMO_REPOSITORY names, without a work tree. */
export function commitFile(branch: string, path: string): void {
  const repository = process.env['DEMO_REPOSITORY'] ?? '';
  // A separate index, because other agents work in the same repository.
  const index = join(repository, `index-${process.pid}`);
  const run = (args: string[], input?: string) =>
    execFileSync('git', [...AUTHOR, ...args], {
      env: { ...process.env, GIT_DIR: repository, GIT_INDEX_FILE: index },
      encoding: 'utf8',
      // A command that reads no input would break the pipe to it.
      ...(input === undefined ? { stdio: ['ignore', 'pipe', 'inherit'] } : { input }),
    }).trim();
  const git = (...args: string[]) => run(args);
  try {
    const parent = git('rev-parse', `refs/heads/${branch}`);
    git('read-tree', parent);
    const blob = run(['hash-object', '-w', '--stdin'], `Written by process ${process.pid}.\n`);
    git('update-index', '--add', '--cacheinfo', `100644,${blob},${path}`);
    const commit = git('commit-tree', git('write-tree'), '-p', parent, '-m', `Add ${path}`);
    git('update-ref', `refs/heads/${branch}`, commit, parent);
  } finally {
    rmSync(index, { force: true });
  }
}
