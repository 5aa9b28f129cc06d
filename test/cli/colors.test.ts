import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/paths.js';

const module = pathToFileURL(join(packageRoot, 'dist', 'src', 'cli', 'colors.js')).href;
const PRINT = `import('${module}').then(({ colors }) => console.log(colors.red('x')))`;
const COLOURED = '\u001b[31mx';
const PATH = process.env['PATH'];

function piped(env: Record<string, string>): string {
  return spawnSync(process.execPath, ['--eval', PRINT], { env: { PATH, ...env }, encoding: 'utf8' }).stdout;
}

/** On a new terminal, created by util-linux's script. */
function onTerminal(env: Record<string, string>) {
  const command = `"${process.execPath}" --eval "${PRINT}"`;
  return spawnSync('script', ['-qec', command, '/dev/null'], {
    env: { PATH, TERM: 'xterm', SHELL: '/bin/sh', ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('a pipe gets no colors, not even in a CI job, unless they are requested', () => {
  expect(piped({})).toBe('x\n');
  expect(piped({ CI: 'true' })).toBe('x\n');
  expect(piped({ FORCE_COLOR: '1' })).toContain(COLOURED);
  expect(piped({ FORCE_COLOR: '1', NO_COLOR: '1' })).toBe('x\n');
});

test('a terminal gets them, unless NO_COLOR is set', ({ skip }) => {
  const { stdout, error } = onTerminal({});
  if (error) skip('there is no util-linux script to make a terminal with');
  expect(stdout).toContain(COLOURED);
  expect(onTerminal({ NO_COLOR: '1' }).stdout.trim()).toBe('x');
});
