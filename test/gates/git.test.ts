import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { ask, commit, createShop, git } from './git-repository.js';
import { check } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

describe('the path on the branch', () => {
  it('is found, with the commit and the object as evidence', async () => {
    const { folder, bare, head } = createShop();
    const result = await ask(folder);
    expect(result).toMatchObject({
      green: true,
      reason: '"docs/W-1.md" is on branch "feature/W-1"',
      evidence: { repository: bare, branch: 'feature/W-1', path: 'docs/W-1.md', commit: head, type: 'blob' },
    });
  });

  it.each(['docs', 'docs/naïve ☃.md', 'docs/*.md', 'README.md'])('is found: %s', async (path) => {
    const { folder } = createShop();
    expect(await ask(folder, {}, path)).toMatchObject({ green: true });
  });

  it.each(['docs/W-2.md', 'docs/W-1.md/x', 'doc', 'DOCS', 'docs/W*.md', ':(top)README.md', '--help', '-x'])(
    'is missing: %s',
    async (path) => {
      const { folder, head } = createShop();
      const result = await ask(folder, {}, path);
      expect(result).toMatchObject({ green: false, evidence: { commit: head } });
      expect(result.reason).toContain('got no such path');
    },
  );

  it('is found in a checkout too, but only if it is committed', async () => {
    const { folder } = createShop();
    const spec = { kind: 'git', repository: join(folder, 'checkout'), path: '{work_item}.md' };
    writeFileSync(join(folder, 'checkout', 'W-1.md'), 'not committed');
    expect(await check(spec)).toMatchObject({ green: false });
    commit(join(folder, 'checkout'), {});
    expect(await check(spec)).toMatchObject({ green: true });
  });
});

describe('the branch', () => {
  it.each([
    'nope',
    'feature',
    'feature/W-1~0',
    'feature/W-1^{}',
    'feature/W-*',
    'feature/W-1:docs',
    'heads/feature/W-1',
    '../heads/feature/W-1',
    'HEAD',
    '--help',
    '-x',
    ' ',
    'a\nb',
  ])('%j does not exist', async (branch) => {
    const { folder } = createShop();
    const result = await ask(folder, { branch });
    expect(result).toMatchObject({ green: false });
    expect(result.reason).toContain('got no such branch');
  });

  it.each(['', 'a\0b'])('cannot be %j', async (branch) => {
    const { folder } = createShop();
    expect((await ask(folder, { branch })).reason).toContain('a name that no branch can have');
  });

  it('is not a commit whose abbreviation its name ends with', async () => {
    const { folder, bare, head } = createShop();
    const branch = `gone-g${head.slice(0, 8)}`;
    expect(git(bare, 'rev-parse', `refs/heads/${branch}`)).toBe(head);
    expect((await ask(folder, { branch })).reason).toContain('got no such branch');
  });

  it('is not a tag, nor a branch in a folder of that name', async () => {
    const { folder, bare } = createShop();
    git(bare, 'tag', 'release', 'feature/W-1');
    git(bare, 'branch', 'refs/heads/main2', 'feature/W-1');
    expect(await ask(folder, { branch: 'release' })).toMatchObject({ green: false });
    expect(await ask(folder, { branch: 'main2' })).toMatchObject({ green: false });
  });

  it('may have a name that looks like an option', async () => {
    const { folder, bare } = createShop();
    git(bare, 'update-ref', 'refs/heads/--help', 'feature/W-1');
    expect(await ask(folder, { branch: '--help' })).toMatchObject({ green: true });
  });
});

describe('an error is red with its cause', () => {
  it('no repository, not even in a parent folder', async () => {
    const { folder } = createShop();
    git(folder, 'init', '--quiet');
    mkdirSync(join(folder, 'empty.git'));
    for (const repo of ['empty', 'missing']) {
      const result = await ask(folder, { repo });
      expect(result.reason).toContain('the gate failed');
      expect(result.evidence).toMatchObject({
        error: expect.stringContaining('not a git repository') as string,
      });
    }
  });

  it('a broken ref does not count as a missing branch', async () => {
    const { folder, bare } = createShop();
    mkdirSync(join(bare, 'refs', 'heads'), { recursive: true });
    writeFileSync(join(bare, 'refs', 'heads', 'broken'), 'garbage\n');
    const result = await ask(folder, { branch: 'broken' });
    expect(result.green).toBe(false);
    expect(result.reason).toContain('the gate failed');
  });

  it.each(['../x', '..', '/etc', 'a\0b', ''])('repo %j is refused before git is asked', async (repo) => {
    const { folder } = createShop();
    const result = await ask(folder, { repo });
    expect(result).toMatchObject({ green: false });
    expect(result.reason).toMatch(/^expected (a repo|values)/);
  });

  it.each([
    { kind: 'git', repository: '/srv/../etc', path: 'x' },
    { kind: 'git', repository: '/srv', path: '../x' },
    { kind: 'git', repository: '/srv', path: '/x' },
    { kind: 'git', repository: '/srv', path: 'x', argv: ['gc'] },
    { kind: 'git', repository: '/srv' },
  ])('%j has wrong parameters', async (spec) => {
    expect((await check(spec)).reason).toContain("the gate's parameters are wrong");
  });
});
