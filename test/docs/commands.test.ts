import type { Command } from 'commander';
import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.js';
import { findTemporalCli } from '../../servers/index.js';
import { blocksOf, commandsOf, findPages, readPage, wordsOf } from './support.js';

interface Documented {
  page: string;
  command: string;
  /** In a sentence, where a command may be named without what it needs. */
  isMention: boolean;
}

/** Programs that pages may name, which no test runs: what they do here is said in docs/deployment.md. */
const NOT_RUN = [
  'docker',
  'editor',
  'kubectl',
  'systemctl',
  'install',
  'psql',
  'pg_dump',
  'pg_restore',
  'sleep',
  'kill',
  'curl',
];

const documented: Documented[] = [];
for (const page of await findPages()) {
  const text = await readPage(page);
  const inline = [...text.replaceAll(/^```.*?^```$/gms, '').matchAll(/`(job-reaper [a-z][^`]*)`/g)];
  const given = blocksOf(text).flatMap(commandsOf);
  documented.push(...given.map((command) => ({ page, command, isMention: false })));
  documented.push(...inline.map(([, command = '']) => ({ page, command, isMention: true })));
}
const of = (name: string) => documented.filter(({ command }) => programOf(command) === name);

describe('job-reaper commands in the docs', () => {
  it.each(of('job-reaper'))('$page: $command', async ({ command, isMention }) => {
    const words = wordsOf(withoutVariables(command)).slice(1);
    const missing = isMention ? ['commander.missingMandatoryOptionValue'] : [];
    await parse(words).catch((error: unknown) => {
      if (!missing.includes((error as { code: string }).code)) throw error;
    });
  });

  it('are found, and wrong ones would be', async () => {
    expect(of('job-reaper').length).toBeGreaterThan(30);
    await expect(parse(['hold', 'queue', 'x'])).rejects.toThrow('argument');
    await expect(parse(['report', '--sinze', '7d'])).rejects.toThrow('unknown option');
  });
});

describe('other commands in the docs', () => {
  it.each(of('npm'))('$page: $command', async ({ command }) => {
    const { scripts } = JSON.parse(await readPage('package.json')) as { scripts: Record<string, string> };
    for (const [, script = ''] of command.matchAll(/npm run ([\w:-]+)/g))
      expect(Object.keys(scripts)).toContain(script);
    expect(command).toMatch(/^npm (ci|run|test|link)\b/);
  });

  it.each(of('temporal'))('$page: $command', async ({ command }) => {
    const cli = await findTemporalCli({ log: () => undefined });
    const words = wordsOf(command).slice(1);
    // Nothing listens there: what the command line does not understand it says before it connects.
    const { all } = await execa(cli, [...words, '--address', '127.0.0.1:1', '--command-timeout', '1s'], {
      all: true,
      reject: false,
    });
    expect(all).not.toMatch(/unknown (flag|command)|required flag|invalid argument|accepts/);
    expect(all).toMatch(/connect|deadline|refused|unavailable|reach/i);
  });

  it('are of programs that we know', () => {
    const known = ['job-reaper', 'npm', 'temporal', 'export', '', ...NOT_RUN];
    expect(documented.filter(({ command }) => !known.includes(programOf(command)))).toEqual([]);
  });
});

/** The program of a command line; nothing for a line that only sets a variable. */
function programOf(command: string): string {
  const rest = withoutVariables(command);
  if (rest.startsWith('.ci/')) return '';
  return wordsOf(rest)[0] ?? '';
}

function withoutVariables(command: string): string {
  return command.replace(/^([A-Z_]+=(\$\([^)]*\)|\S*)\s*)+/, '').replace(/\s*&$/, '');
}

/** Parses a command line by the real program, whose commands do nothing. */
async function parse(words: string[]): Promise<void> {
  const program = createProgram();
  const silent = { writeOut: () => undefined, writeErr: () => undefined };
  const disarm = (command: Command) => {
    command.exitOverride().configureOutput(silent);
    if (command.commands.length === 0) command.action(() => undefined);
    command.commands.forEach(disarm);
  };
  disarm(program);
  // <job> and the like stand for a value, such as the pid that $PID holds.
  const values = words.map((word) => (/^(\$|<pid>)/.test(word) ? '1' : word.replaceAll(/[<>…]/g, '') || 'x'));
  await program.parseAsync(values, { from: 'user' });
}
