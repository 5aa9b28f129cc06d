import { describe, expect, test } from 'vitest';
import { cli } from './support.js';

const COMMANDS = [
  'up',
  'worker',
  'migrate',
  'status',
  'explain',
  'ledger',
  'report',
  'identity',
  'pause',
  'resume',
  'observe',
  'activate',
  'hold',
  'release',
  'sweep',
  'reap',
  'host-gone',
];

describe('the command line', () => {
  test.each(COMMANDS)('%s --help has examples and needs no settings', async (command) => {
    const { code, stdout } = await cli([command, '--help']);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain(`job-reaper ${command}`);
    expect(code).toBe(0);
  });

  test('--help lists every command', async () => {
    const { code, stdout } = await cli(['--help']);
    for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
    expect(code).toBe(0);
  });

  test('--version prints one', async () => {
    const { code, stdout } = await cli(['--version']);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(code).toBe(0);
  });

  test.each([
    ['no command', []],
    ['an unknown command', ['statsu']],
    ['an unknown option', ['status', '--yaml']],
    ['a missing argument', ['explain']],
    ['an argument too many', ['explain', 'a', 'b']],
    ['a hold on something else', ['hold', 'queue', 'x']],
    ['a hold forever', ['hold', 'job', 'x', '--for', 'ever']],
    ['a limit of nothing', ['ledger', '--limit', '0']],
    ['a report of an empty period', ['report', '--since', '0s']],
    ['an invalid pid', ['identity', 'me']],
    ['an invalid port', ['up', '--port', '70000']],
  ])('%s is a usage error', async (_, args) => {
    const { code, stdout, stderr } = await cli(args);
    expect(stderr).not.toBe('');
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test('a typo gets a suggestion', async () => {
    const { stderr } = await cli(['stauts']);
    expect(stderr).toContain('Did you mean status?');
  });

  test('a missing setting is named, without a stack', async () => {
    const { code, stderr } = await cli(['status']);
    expect(stderr).toContain('DATABASE_URL: expected a postgres:// URL, got nothing');
    expect(stderr).not.toContain('    at ');
    expect(code).toBe(1);
  });

  test('DEBUG shows the stack', async () => {
    const { code, stderr } = await cli(['status'], { DEBUG: '1' });
    expect(stderr).toContain('    at ');
    expect(code).toBe(1);
  });
});
