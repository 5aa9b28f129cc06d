import { join } from 'node:path';
import { execa } from 'execa';

const AUTHOR = ['-c', 'user.name=demo', '-c', 'user.email=demo@example.org'];

/** Creates a bare git repository with these branches, each with one empty commit. Returns its folder. */
export async function createRepository(folder: string, branches: readonly string[]): Promise<string> {
  const repository = join(folder, 'demo.git');
  await execa('git', ['init', '--quiet', '--bare', repository]);
  const git = async (...args: string[]) => {
    const { stdout } = await execa('git', ['--git-dir', repository, ...AUTHOR, ...args], { input: '' });
    return stdout;
  };
  const commit = await git('commit-tree', await git('mktree'), '-m', 'Start');
  for (const branch of branches) await git('update-ref', `refs/heads/${branch}`, commit);
  return repository;
}
