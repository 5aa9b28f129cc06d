import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createPsDriver, processIdentity } from '../../src/liveness/index.js';
import { parseToken } from '../../src/liveness/token.js';
import { TOKEN_VECTOR } from '../support/token.js';
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

const tokenRecipes: Recipe[] = [
  ...recipes.filter(({ name }) => name !== 'sh'),
  {
    name: 'Elixir',
    file: 'identity.exs',
    command: ['elixir'],
    runs: works('elixir', ['--version']),
  },
].map((recipe) => ({ ...recipe, file: recipe.file.replace('identity', 'token') }));

/** Children of a process that already has its token: one line each, parent first. */
const FORKS: Record<string, string[]> = {
  Python: [
    'python3',
    '-c',
    `import os, runpy
token = runpy.run_path('docs/recipes/token.py')['process_token']
print(os.getpid(), token(), flush=True)
if os.fork() == 0:
    print(os.getpid(), token(), flush=True)
else:
    os.wait()`,
  ],
  Ruby: [
    'ruby',
    '-e',
    `load 'docs/recipes/token.rb'; $stdout.sync = true; puts "#{Process.pid} #{process_token}"
     fork { puts "#{Process.pid} #{process_token}" }; Process.wait`,
  ],
};

for (const { name, file, command, runs } of tokenRecipes) {
  const [program = '', ...before] = command;
  describe.skipIf(!isLinux || !runs)(`the token recipe for ${name} (needs /proc and ${name})`, () => {
    const script = [...before, `docs/recipes/${file}`];
    const startOf = (pid: number) => Number(processIdentity(pid)?.split(':')[4]);

    it('writes the vector', { timeout: COMPILING_MS }, () => {
      const { bootId, pidNamespace, pid, start } = TOKEN_VECTOR.parts;
      const { stdout } = spawnSync(program, [...script, bootId, pidNamespace, String(pid), start], {
        encoding: 'utf8',
      });
      expect(stdout).toBe(`${TOKEN_VECTOR.token}\n`);
    });

    it.each([
      ['here', []],
      ...(canShift ? [['in a time namespace (needs root and unshare --time)', SHIFTED]] : []),
    ] as [string, string[]][])(
      'writes the token of its own process %s',
      { timeout: COMPILING_MS },
      (_, entrance) => {
        const [first = '', ...rest] = [...entrance, program, ...script];
        const [earlier, { stdout, pid }, later] = [
          startSleep(),
          spawnSync(first, rest, { encoding: 'utf8' }),
          startSleep(),
        ];
        const token = parseToken(stdout.trim());
        expect(token?.pidNamespace).toBe(processIdentity(earlier.pid)?.split(':')[3]);
        // Behind an entrance, and with "go run", it is a child of the process that we started.
        if (entrance.length === 0 && name !== 'Go') expect(token?.pid).toBe(pid);
        expect(Number(token?.start)).toBeGreaterThanOrEqual(startOf(earlier.pid));
        expect(Number(token?.start)).toBeLessThanOrEqual(startOf(later.pid));
      },
    );

    it.skipIf(FORKS[name] === undefined)('writes another one in a forked child', () => {
      const [command = '', ...args] = FORKS[name] ?? [];
      const lines = spawnSync(command, args, { encoding: 'utf8' }).stdout.trim().split('\n');
      expect(lines).toHaveLength(2);
      for (const line of lines) {
        const [pid, token = ''] = line.split(' ');
        expect(parseToken(token)?.pid).toBe(Number(pid));
      }
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
