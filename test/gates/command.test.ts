import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { check, pidsIn, runs, temporaryFolder } from './support.js';

vi.setConfig({ testTimeout: 30_000 });

/** A gate that runs a shell script; `$1`, `$2`, ... are the other arguments. */
function sh(script: string, ...args: string[]) {
  return { kind: 'command', argv: ['sh', '-c', script, 'gate', ...args] };
}

function outputOf(result: { evidence?: Record<string, unknown> }): string {
  return String(result.evidence?.['output']);
}

describe('the exit code', () => {
  it('0 is green', async () => {
    expect(await check(sh('echo fine'))).toMatchObject({
      green: true,
      reason: '"sh" exited with 0',
      evidence: { exit_code: 0, output: 'fine\n' },
    });
  });

  it('anything else is red, with stdout and stderr', async () => {
    expect(await check(sh('echo one; echo two >&2; exit 3'))).toMatchObject({
      green: false,
      reason: 'expected "sh" to exit with 0, but it exited with 3',
      evidence: { exit_code: 3, output: expect.stringMatching(/^(one\ntwo|two\none)\n$/) as string },
    });
  });

  it('a signal is red', async () => {
    const result = await check(sh('kill -SEGV $$'));
    expect(result).toMatchObject({ green: false, evidence: { exit_code: null, signal: 'SIGSEGV' } });
  });

  it.each([
    [{ argv: ['no-such-program'] }, 'expected no-such-program to start'],
    [{ argv: ['/etc/passwd'] }, 'expected /etc/passwd to start'],
    [{ argv: ['true'], cwd: '/no/such/folder' }, 'its working folder exists'],
  ])('%j cannot be started and is red', async (parameters, reason) => {
    const result = await check({ kind: 'command', ...parameters });
    expect(result).toMatchObject({ green: false, evidence: { argv: parameters.argv } });
    expect(result.reason).toContain(reason);
  });
});

describe('the arguments', () => {
  it('stay as they are, whatever a shell would make of them', async () => {
    const folder = temporaryFolder();
    const branch = `a b"';$(touch ${folder}/x)|& touch ${folder}/y`;
    const result = await check(sh('printf "%s\\n" "$#" "$@"', '{branch}', 'x={work_item}', ''), { branch });
    expect(outputOf(result)).toBe(`3\n${branch}\nx=W-1\n\n`);
    expect(existsSync(join(folder, 'x')) || existsSync(join(folder, 'y'))).toBe(false);
  });

  it.each(['--help', '-x'])('never become options: %s', async (branch) => {
    const refused = await check({ kind: 'command', argv: ['echo', '{branch}'] }, { branch });
    expect(refused).toMatchObject({ green: false });
    expect(refused.reason).toContain('cannot be read as an option');
    const named = await check(
      { kind: 'command', argv: ['echo', '--branch={branch}', '--', '{branch}'] },
      { branch },
    );
    expect(outputOf(named)).toBe(`--branch=${branch} -- ${branch}\n`);
  });

  it('are red if a value is missing or contains a NUL', async () => {
    const argv = ['echo', '{work_item}'];
    expect(await check({ kind: 'command', argv }, { workItem: null })).toMatchObject({ green: false });
    expect(await check({ kind: 'command', argv }, { workItem: 'a\0b' })).toMatchObject({ green: false });
  });
});

describe('the environment', () => {
  it('is clean: no secret of the worker gets through', async () => {
    vi.stubEnv('SECRET_X', 'hunter2');
    try {
      const spec = { kind: 'command', argv: ['env'], env: { STRICT: '1', EMPTY: '' } };
      const result = await check(spec, { repo: null, workItem: null });
      expect(outputOf(result).trim().split('\n').sort()).toEqual([
        'EMPTY=',
        'GATE_BRANCH=feature/W-1',
        'GATE_JOB=7',
        'GATE_REPO=',
        'GATE_STAGE=review',
        'GATE_WORK_ITEM=',
        'LANG=C.UTF-8',
        `PATH=${process.env['PATH'] ?? ''}`,
        'STRICT=1',
      ]);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('has no input to wait for', async () => {
    expect(await check({ kind: 'command', argv: ['cat'] })).toMatchObject({ green: true });
  });

  it('has the configured working folder, and none outside', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'shop'));
    const spec = { kind: 'command', argv: ['pwd'], cwd: `${folder}/{repo}` };
    expect(outputOf(await check(spec))).toBe(`${folder}/shop\n`);
    for (const repo of ['..', '../x', '/etc', '.']) {
      expect(await check(spec, { repo })).toMatchObject({ green: false });
    }
  });
});

describe('the output', () => {
  it('is cut to its last 2,000 characters, in bounded memory', async () => {
    const before = process.memoryUsage().rss;
    const result = await check(sh('yes "ein Schneemann: ☃" | head -c 300000000; printf "%s" "the end"'));
    expect(outputOf(result)).toHaveLength(2000);
    expect(outputOf(result)).toMatch(/^[ein Schma:☃\n]+the end$/);
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
  });

  it('can be kept as JSON by Postgres, whatever bytes it has', async () => {
    const result = await check(sh(String.raw`printf "a\0b\377\360\237\230"`));
    expect(outputOf(result)).toBe('a\uFFFDb\uFFFD\uFFFD');
  });
});

describe('the process group', () => {
  const FAMILY =
    'sleep 300 & echo $! >> "$1"; sh -c \'echo $$ >> "$1"; exec sleep 300\' x "$1" & echo $$ >> "$1"; wait';

  it('is gone after a timeout, grandchildren too, and what it wrote is kept', async () => {
    const file = join(temporaryFolder(), 'pids');
    const checking = check({ ...sh(`echo working; ${FAMILY}`, file), timeout_s: 1 });
    const pids = await pidsIn(file, 3);
    expect(pids.every(runs)).toBe(true);
    expect(await checking).toMatchObject({
      green: false,
      reason: 'expected an answer within 1 s, got none: the gate was ended',
      evidence: { output: 'working\n' },
    });
    expect(pids.filter(runs)).toEqual([]);
  });

  it('is gone after a timeout, even if it ignores SIGTERM', async () => {
    const file = join(temporaryFolder(), 'pids');
    const checking = check({ ...sh(`trap "" TERM; ${FAMILY}`, file), timeout_s: 1 });
    const pids = await pidsIn(file, 3);
    expect(await checking).toMatchObject({ green: false });
    expect(pids.filter(runs)).toEqual([]);
  });

  it('may shut down cleanly', async () => {
    const result = await check({ ...sh('trap "echo bye; exit 0" TERM; sleep 300 & wait'), timeout_s: 0.5 });
    expect(result).toMatchObject({ green: false, evidence: { output: 'bye\n' } });
  });

  it('is gone when a cancellation rejects', async () => {
    const file = join(temporaryFolder(), 'pids');
    const controller = new AbortController();
    const checking = check(sh(FAMILY, file), {}, { signal: controller.signal });
    const pids = await pidsIn(file, 3);
    controller.abort(new Error('cancelled by a test'));
    await expect(checking).rejects.toThrow('cancelled by a test');
    expect(pids.filter(runs)).toEqual([]);
  });

  it('is gone even if the command leaves a process running', async () => {
    const file = join(temporaryFolder(), 'pids');
    const result = await check(sh('sleep 300 & echo $! >> "$1"', file));
    expect(result).toMatchObject({ green: true });
    expect((await pidsIn(file, 1)).filter(runs)).toEqual([]);
  });

  it('does not wait for a process that left it', async () => {
    const file = join(temporaryFolder(), 'pids');
    const result = await check(
      sh('setsid sh -c \'echo $$ >> "$1"; exec sleep 300\' x "$1" & sleep 0.3', file),
    );
    expect(result).toMatchObject({ green: true });
    expect((await pidsIn(file, 1)).filter(runs)).toHaveLength(1);
  });

  it('is not started when the signal came first', async () => {
    const folder = temporaryFolder();
    const signal = AbortSignal.abort(new Error('too late'));
    const checking = check(sh('touch "$1"', join(folder, 'x')), {}, { signal });
    await expect(checking).rejects.toThrow('too late');
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });
});
