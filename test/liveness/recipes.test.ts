import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPsDriver, processIdentity } from '../../src/liveness/index.js';
import { firstLine, isLinux, PID_NOBODY_HAS, start, startSleep, works } from './processes.js';

const COMPILING_MS = 120_000;

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
