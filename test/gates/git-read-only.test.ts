import { chownSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execaSync } from 'execa';
import { describe, expect, it, vi } from 'vitest';
import { ask, createShop, git, snapshot } from './git-repository.js';

vi.setConfig({ testTimeout: 30_000 });

describe('nothing is changed', () => {
  it('and nothing is run, whatever the repository configures', async () => {
    const { folder, bare } = createShop();
    const marker = join(folder, 'marker');
    const hook = `#!/bin/sh\ntouch ${marker}\n`;
    for (const name of readdirSync(join(bare, 'hooks')))
      writeFileSync(join(bare, 'hooks', name), hook, { mode: 0o755 });
    writeFileSync(join(bare, 'hooks', 'reference-transaction'), hook, { mode: 0o755 });
    writeFileSync(join(bare, 'hooks', 'run'), hook, { mode: 0o755 });
    for (const key of [
      'core.fsmonitor',
      'core.pager',
      'pager.ls-tree',
      'pager.for-each-ref',
      'alias.ls-tree',
    ]) {
      git(bare, 'config', key, `${key.startsWith('alias') ? '!' : ''}${join(bare, 'hooks', 'run')}`);
    }
    const before = snapshot(bare);
    expect(await ask(folder)).toMatchObject({ green: true });
    expect(await ask(folder, { branch: 'nope' })).toMatchObject({ green: false });
    expect(snapshot(bare)).toEqual(before);
    expect(existsSync(marker)).toBe(false);
  });

  it('and nothing is fetched when a partial clone lacks the folder', async () => {
    const { folder, bare } = createShop();
    const marker = join(folder, 'marker');
    git(bare, 'config', 'uploadpack.allowFilter', 'true');
    git(folder, 'clone', '--quiet', '--bare', '--filter=tree:0', `file://${bare}`, 'partial.git');
    const partial = join(folder, 'partial.git');
    git(partial, 'config', 'remote.origin.url', `ext::touch ${marker}`);
    git(partial, 'config', 'protocol.ext.allow', 'always');

    const before = snapshot(partial);
    const result = await ask(folder, { repo: 'partial' });
    expect(result.reason).toContain('the gate failed');
    expect(snapshot(partial)).toEqual(before);
    expect(existsSync(marker)).toBe(false);

    // The trap works: git with its default settings falls into it.
    execaSync('git', ['-C', partial, 'ls-tree', 'feature/W-1', 'docs/'], { reject: false });
    expect(existsSync(marker)).toBe(true);
  });

  it.runIf(process.getuid?.() === 0)(
    'in a repository of another user (needs root, to make one)',
    async () => {
      const { folder, bare } = createShop();
      for (const name of ['', ...readdirSync(bare, { recursive: true, encoding: 'utf8' })]) {
        chownSync(join(bare, name), 12_345, 12_345);
      }
      expect(await ask(folder)).toMatchObject({ green: true });
    },
  );

  it('and settings of the worker do not reach git', async () => {
    const { folder } = createShop();
    vi.stubEnv('GIT_DIR', '/nowhere');
    vi.stubEnv('GIT_TRACE', join(folder, 'trace'));
    try {
      expect(await ask(folder)).toMatchObject({ green: true });
      expect(existsSync(join(folder, 'trace'))).toBe(false);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
