import { isAbsolute, posix } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fillPath, fillText, hasPlaceholder, placeholderMistakes } from '../../src/gates/placeholders.js';
import { input } from './support.js';

describe('a text', () => {
  it('gets every value, wherever its placeholder appears', () => {
    const filled = fillText('{job}/{stage} {repo}:{branch}#{work_item} {job}', input());
    expect(filled).toBe('7/review shop:feature/W-1#W-1 7');
  });

  it('gets a value unchanged, even one that looks like a placeholder or a replacement pattern', () => {
    expect(fillText('a {branch} b', input({ branch: '{work_item} $& $1' }))).toBe('a {work_item} $& $1 b');
  });

  it.each([
    ['{work_item}', { workItem: null }, 'expected a work_item to put into "{work_item}", got none'],
    ['{repo}', { repo: '' }, 'expected a repo to put into "{repo}", got none'],
    ['{job}', { job: 'a\0b' }, 'expected a job without a NUL for "{job}", got "a\\u0000b"'],
  ])('is rejected for %s with %j', (template, some, message) => {
    expect(() => fillText(template, input(some))).toThrow(message);
  });

  it('leaves other braces alone', () => {
    expect(placeholderMistakes('{ print $1 } {"a": 1} ${x {} {1}')).toEqual([]);
    expect(hasPlaceholder('{ job }')).toBe(false);
  });

  it('reports an unknown placeholder', () => {
    expect(placeholderMistakes('{brnch} {toString}')).toEqual([
      expect.stringContaining('got "{brnch}"; did you mean "branch"?'),
      expect.stringContaining('got "{toString}"'),
    ]);
  });
});

describe('a path', () => {
  it('accepts a branch and a work item with folders, below the one the template names', () => {
    expect(fillPath('/srv/{repo}.git', input())).toBe('/srv/shop.git');
    expect(fillPath('docs/{branch}/{work_item}.md', input({ workItem: 'team/9' }))).toBe(
      'docs/feature/W-1/team/9.md',
    );
  });

  it.each([
    ['/srv/{repo}.git', { repo: '../x' }, 'without a slash'],
    ['/srv/{repo}.git', { repo: 'a/b' }, 'without a slash'],
    ['/srv/{repo}', { repo: '..' }, 'stays below its folder'],
    ['/srv/{repo}', { repo: '.' }, 'stays below its folder'],
    ['/srv/.{repo}', { repo: '.' }, 'stays below its folder'],
    ['/srv/{repo}', { repo: 'a\\..\\b' }, 'without a backslash'],
    ['/srv/{repo}', { repo: 'a\0' }, 'without a NUL'],
    ['/srv/{repo}', { repo: null }, 'got none'],
    ['/srv/{job}', { job: 'a/b' }, 'without a slash'],
    ['docs/{branch}', { branch: '/etc/passwd' }, 'stays below its folder'],
    ['docs/{branch}', { branch: 'a/../../b' }, 'stays below its folder'],
    ['docs/{branch}', { branch: 'a//b' }, 'stays below its folder'],
    ['docs/.{branch}', { branch: './b' }, 'stays below its folder'],
    ['{branch}', { branch: '/etc' }, 'stays below its folder'],
    ['docs/{work_item}{branch}', { workItem: '.', branch: '.' }, 'stays below its folder'],
  ])('%s with %j is rejected', (template, some, message) => {
    expect(() => fillPath(template, input(some))).toThrow(message);
  });

  it('never leaves its folder, whatever the values', () => {
    const piece = fc.oneof(fc.constantFrom('.', '..', '/', '\\', '\0', '', 'a', '{repo}'), fc.string());
    const value = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
    const template = fc.constantFrom(
      '{branch}',
      '{repo}.git',
      '.{branch}',
      '{repo}{work_item}',
      'x/{branch}/{repo}',
    );
    fc.assert(
      fc.property(template, value, value, value, (path, repo, branch, workItem) => {
        let filled: string;
        try {
          filled = fillPath(`/srv/${path}`, input({ repo, branch, workItem }));
        } catch {
          return;
        }
        const below = posix.relative('/srv', posix.resolve(filled));
        expect(below).not.toBe('');
        expect(below.split('/')[0]).not.toBe('..');
        expect(isAbsolute(below)).toBe(false);
        expect(filled).not.toContain('\0');
      }),
      { numRuns: 2000 },
    );
  });
});
