import fc from 'fast-check';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acquireLease, LeaseNames } from '../../src/leases/index.js';
import { reclaim, useLeaseFolder } from './support.js';

const folder = useLeaseFolder();
const repoName = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/);
const bad = ['', '.', '..', '.git', '../web', 'a/b', 'a\\b', 'a\0b', 'wéb', 'a b', 'a\n', 'x'.repeat(101)];

describe('a repo name', () => {
  it.each(bad)('%j is rejected with one clear line, and nothing is written', async (repo) => {
    const refused = /^Expected `repo` to be 1 to 100 characters of [^\n]*$/;
    await expect(acquireLease({ folder: folder.path, repo, ttlS: 1 })).rejects.toThrow(refused);
    expect(await folder.files()).toEqual([]);
    const report = await reclaim(folder.path, { repos: [repo] });
    expect(report).toMatchObject({ result: 'trouble', trouble: [expect.stringMatching(refused) as string] });
  });

  it('never leads out of the folder', () => {
    fc.assert(
      fc.property(repoName, (repo) => {
        const names = new LeaseNames(repo);
        for (const name of [names.lease, names.newHeld(), names.newAside(), names.newTemporary()]) {
          expect(basename(join('/leases', name))).toBe(name);
          expect(name.length).toBeLessThan(255);
        }
      }),
    );
  });

  it('gives its files names that never look like those of another repo', () => {
    fc.assert(
      fc.property(repoName, repoName, fc.string({ maxLength: 50 }), (repo, other, ending) => {
        const names = new LeaseNames(repo);
        const files = [names.lease, names.newHeld(), names.newAside(), names.newTemporary()];
        expect(files.map((name) => names.kindOf(name))).toEqual(['lease', 'held', 'aside', 'temporary']);
        for (const twin of [
          other,
          `${repo}.json`,
          files[2]?.replace('.merge-lease-', '') ?? '',
          repo + ending,
        ]) {
          if (twin === repo || !/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(twin)) continue;
          expect(files.map((name) => new LeaseNames(twin).kindOf(name))).toEqual([null, null, null, null]);
        }
      }),
    );
  });
});
