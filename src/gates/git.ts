import { access } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { shown } from '../domain/wording.js';
import { GateNotAsked, isUnreadable, notAsked, wasEndedFromOutside } from './not-asked.js';
import { OutputTail } from './output-tail.js';
import { fillPath } from './placeholders.js';
import { runInGroup, searchPath } from './process-group.js';
import type { SpecOf } from './spec.js';
import type { GateInput, GateResult } from './types.js';

/** One line of output from each of our commands, even with the longest possible path. */
const OUTPUT_CHARACTERS = 8000;

/** What git says, in the C locale, about files that may exist but cannot be read now. */
const UNREADABLE =
  /Input\/output error|Stale file handle|Permission denied|Too many open files|Cannot allocate memory|out of memory|Resource temporarily unavailable|Connection timed out|Host is down|Transport endpoint is not connected/i;

/** Only the repository's own contents count, and nothing can make git fetch, write, prompt or run anything. */
const ENVIRONMENT = {
  LC_ALL: 'C',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_ATTR_NOSYSTEM: '1',
  GIT_OPTIONAL_LOCKS: '0',
  GIT_TERMINAL_PROMPT: '0',
  GIT_NO_LAZY_FETCH: '1',
  // For versions of git without GIT_NO_LAZY_FETCH: no transport is allowed.
  GIT_ALLOW_PROTOCOL: 'none',
  GIT_NO_REPLACE_OBJECTS: '1',
  GIT_LITERAL_PATHSPECS: '1',
};

/**
 * Kind `git`: green when the path (a file or a folder) exists on the job's branch. Read-only by construction: it runs
 * `for-each-ref` and `ls-tree`, which write nothing, run no hooks and contact no remote.
 *
 * @throws the signal's reason, once git is gone; GateNotAsked when git cannot be started, something outside ended it, or
 *   the repository's files cannot be read now; or an Error that says why git could not answer
 */
export async function checkGit(
  spec: SpecOf<'git'>,
  input: GateInput,
  { signal }: { signal: AbortSignal },
): Promise<GateResult> {
  const repository = resolve(fillPath(spec.repository, input));
  const path = fillPath(spec.path, input);
  const branch = input.branch;
  const evidence = { repository, branch, path };
  const red = (got: string): GateResult => ({
    green: false,
    reason: `expected ${shown(path)} on branch ${shown(branch)} of ${repository}, got ${got}`,
    evidence,
  });
  if (branch === '' || branch.includes('\0')) return red('a name that no branch can have');

  const git = await openRepository(repository, signal);
  const commit = await findCommit(git, `refs/heads/${branch}`);
  if (commit === null) return red('no such branch');
  const entry = await findEntry(git, commit, path);
  if (entry === null) return { ...red('no such path'), evidence: { ...evidence, commit } };
  return {
    green: true,
    reason: `${shown(path)} is on branch ${shown(branch)}`,
    evidence: { ...evidence, commit, ...entry },
  };
}

/** Runs one plumbing command and returns its output. */
type Git = (...args: string[]) => Promise<{ stdout: string; stderr: string }>;

/** The folder is given explicitly, so that git never answers for a repository in a parent folder. */
async function openRepository(repository: string, signal: AbortSignal): Promise<Git> {
  const inCheckout = join(repository, '.git');
  const gitDir = await access(inCheckout).then(
    () => inCheckout,
    (error: unknown) => {
      if (isUnreadable(error)) throw notAsked(`expected to read ${repository}, got`, error);
      return repository;
    },
  );
  const common = [
    '--no-pager',
    `--git-dir=${gitDir}`,
    '-c',
    'core.hooksPath=/dev/null',
    '-c',
    'core.fsmonitor=false',
  ];
  return async (...args) => {
    const stdout = new OutputTail(OUTPUT_CHARACTERS);
    const stderr = new OutputTail(OUTPUT_CHARACTERS);
    const { exitCode, endedBy } = await runInGroup({
      file: 'git',
      args: [...common, ...args],
      env: { PATH: searchPath(), ...ENVIRONMENT },
      stdout,
      stderr,
      signal,
    }).catch((error: unknown) => {
      signal.throwIfAborted();
      throw error instanceof GateNotAsked ? error : notAsked('expected git to start, got', error);
    });
    if (exitCode !== 0) {
      const end = exitCode === null ? `signal ${endedBy ?? 'unknown'}` : `exit code ${exitCode}`;
      const text = `expected an answer from git ${args[0] ?? ''} in ${repository}, got ${end}: ${stderr.text().trim()}`;
      if (wasEndedFromOutside(endedBy) || UNREADABLE.test(stderr.text())) throw new GateNotAsked(text);
      throw new Error(text);
    }
    return { stdout: stdout.text(), stderr: stderr.text().trim() };
  };
}

/**
 * Finds the exact ref only. Git resolves a revision in many ways: if there is no branch `x-gabc1234`, `rev-parse` reads
 * `refs/heads/x-gabc1234` as the commit abc1234.
 */
async function findCommit(git: Git, ref: string): Promise<string | null> {
  // As a pattern, the ref also matches `<ref>/...`, which sorts after it.
  const { stdout, stderr } = await git(
    'for-each-ref',
    '--count=1',
    '--format=%(objectname) %(refname)',
    '--',
    ref,
  );
  const [commit = '', name] = stdout.trimEnd().split(' ');
  if (name === ref) return commit;
  // Git skips a broken ref with a warning. That does not mean that the branch is missing.
  if (UNREADABLE.test(stderr)) throw new GateNotAsked(`expected to read ${ref}, got: ${stderr}`);
  if (stderr !== '') throw new Error(`expected to read ${ref}, got: ${stderr}`);
  return null;
}

async function findEntry(
  git: Git,
  commit: string,
  path: string,
): Promise<{ type: string; object: string } | null> {
  const { stdout } = await git('ls-tree', '-z', '--full-tree', commit, '--', path);
  const [, type = '', object = '', name] = /^\d+ (\w+) (\w+)\t([^\0]*)\0/.exec(stdout) ?? [];
  return name === path ? { type, object } : null;
}
