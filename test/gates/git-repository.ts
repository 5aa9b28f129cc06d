import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execaSync } from 'execa';
import type { GateInput } from '../../src/gates/index.js';
import { check, temporaryFolder } from './support.js';

/** Runs git as a user without any settings. */
export function git(folder: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=A Tester', '-c', 'user.email=tester@example.org'];
  const { stdout } = execaSync('git', ['-C', folder, ...identity, ...args], {
    env: { GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
  });
  return stdout;
}

/** Creates a checkout on branch `main` with these files in one commit. */
export function createCheckout(folder: string, files: Record<string, string>): string {
  mkdirSync(folder, { recursive: true });
  git(folder, 'init', '--quiet', '--initial-branch=main');
  commit(folder, files);
  return folder;
}

export function commit(folder: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  git(folder, 'add', '--all', '--', '.');
  git(folder, 'commit', '--quiet', '--allow-empty', '--message=files');
  return git(folder, 'rev-parse', 'HEAD');
}

/** Everything below a folder, with contents and times: equal only if nothing was written. */
export function snapshot(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => {
      const path = join(folder, name);
      const { mtimeMs, mode } = statSync(path);
      const content = statSync(path).isFile()
        ? createHash('sha256').update(readFileSync(path)).digest('hex')
        : '';
      return `${name} ${mode} ${mtimeMs} ${content}`;
    });
}

/** A bare repository `shop.git` with docs/W-1.md on feature/W-1, and a README on main. */
export function createShop(): { folder: string; bare: string; head: string } {
  const folder = temporaryFolder();
  const checkout = createCheckout(join(folder, 'checkout'), { 'README.md': 'hello' });
  git(checkout, 'switch', '--quiet', '--create', 'feature/W-1');
  const head = commit(checkout, { 'docs/W-1.md': 'done', 'docs/*.md': 'a star', 'docs/naïve ☃.md': 'snow' });
  git(folder, 'clone', '--quiet', '--bare', checkout, 'shop.git');
  return { folder, bare: join(folder, 'shop.git'), head };
}

/** Asks a git gate for a path in a repository of that folder. */
export function ask(folder: string, some: Partial<GateInput> = {}, path = 'docs/{work_item}.md') {
  return check({ kind: 'git', repository: `${folder}/{repo}.git`, path }, some);
}
