import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPsDriver, processIdentity } from '../../src/liveness/index.js';
import { firstLine, isLinux, PID_NOBODY_HAS, start, startSleep, works } from './processes.js';

const COMPILING_MS = 120_000;

const SHIFTED = ['unshare', '--time', '--fork', '--boottime', '1000'];
const canShift = isLinux && works('unshare', ['--time', '--fork', '--boottime', '1', 'true']);
const canUnshare = isLinux && works('unshare', ['--pid', '--fork', 'true']);

interface Recipe {
  name: string;
  file: string;
  command: string[];
  runs: boolean;
}

const recipes: Recipe[] = [
  { name: 'Python', file: 'identity.py', command: ['python3'], runs: works('python3', ['--version']) },
  { name: 'Ruby', file: 'identity.rb', command: ['ruby'], runs: works('ruby', ['--version']) },
  { name: 'Go', file: 'identity.go', command: ['go', 'run'], runs: works('go', ['version']) },
  { name: 'sh', file: 'identity.sh', command: ['sh'], runs: works('sh', ['-c', ':']) },
];

function run({ command: [command = '', ...args], file }: Pick<Recipe, 'command' | 'file'>, pid: number) {
  return spawnSync(command, [...args, `docs/recipes/${file}`, String(pid)], { encoding: 'utf8' });
}

/** A process whose name breaks everybody who splits the stat file at spaces. */
async function startOddlyNamed(): Promise<number> {
  const script = "process.title = 'a) Z 1 (b'; console.log('ready'); setInterval(() => {}, 1e6)";
  const { child, pid } = start(process.execPath, ['-e', script]);
  await firstLine(child);
  return pid;
}

for (const recipe of recipes) {
  const { name, runs } = recipe;
  describe.skipIf(!isLinux || !runs)(`the recipe for ${name} (needs /proc and ${name})`, () => {
    it('writes the stamp that processIdentity writes', { timeout: COMPILING_MS }, async () => {
      for (const pid of [startSleep().pid, await startOddlyNamed()]) {
        const identity = processIdentity(pid);
        expect(identity).not.toBeNull();
        expect(run(recipe, pid).stdout).toBe(`${identity ?? ''}\n`);
      }
    });

    it.skipIf(!canShift)(
      'writes it in a time namespace as well (needs root and unshare --time)',
      { timeout: COMPILING_MS },
      () => {
        const { pid } = startSleep();
        const result = run({ ...recipe, command: [...SHIFTED, ...recipe.command] }, pid);
        expect([result.stdout, result.stderr]).toEqual([`${processIdentity(pid) ?? ''}\n`, '']);
      },
    );

    it.skipIf(!canUnshare)(
      'writes nothing where /proc is that of another pid namespace (needs root and unshare --pid)',
      { timeout: COMPILING_MS },
      () => {
        const result = run({ ...recipe, command: ['unshare', '--pid', '--fork', ...recipe.command] }, 1);
        expect([result.stdout, result.status]).toEqual(['', 1]);
      },
    );

    it('writes nothing and fails when there is no such process', { timeout: COMPILING_MS }, () => {
      const result = run(recipe, PID_NOBODY_HAS);
      expect(result.stdout).toBe('');
      expect(result.status).toBe(1);
    });
  });
}

const macos = { file: 'identity-macos.sh', command: ['sh'] };

describe.skipIf(!works('ps', ['-o', 'lstart=', '-p', '1']))(
  'the recipe for macOS (needs ps with lstart)',
  () => {
    it('writes the stamp that processIdentity writes through ps', () => {
      const { pid } = startSleep();
      const identity = processIdentity(pid, createPsDriver());
      expect(identity).not.toBeNull();
      expect(run(macos, pid).stdout).toBe(`${identity ?? ''}\n`);
    });

    it('writes nothing and fails when there is no such process', () => {
      const result = run(macos, PID_NOBODY_HAS);
      expect(result.stdout).toBe('');
      expect(result.status).toBe(1);
    });
  },
);

describe('docs/identity.md', () => {
  it.each([...recipes, macos])('shows $file as it is', ({ file }) => {
    expect(readFileSync('docs/identity.md', 'utf8')).toContain(readFileSync(`docs/recipes/${file}`, 'utf8'));
  });
});
