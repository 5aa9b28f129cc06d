import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { packageRoot } from '../../src/paths.js';

const END = '__the_end_of_a_block__';
/** Milliseconds in which `job-reaper up` ends its server. */
const END_LIMIT_MS = 30_000;

/** A terminal as a reader of the docs has it open: a shell that keeps its variables, with `job-reaper` on its path. */
export class Shell {
  readonly #bash: ChildProcessWithoutNullStreams;
  #output = '';

  constructor(env: Record<string, string>) {
    const cli = join(packageRoot, 'dist', 'src', 'cli.js');
    const { PATH, HOME, TMPDIR } = process.env;
    this.#bash = spawn('bash', ['--norc', '-s'], {
      cwd: packageRoot,
      env: { PATH, HOME, TMPDIR, ...env },
      // A group of processes, which end() ends.
      detached: true,
    });
    for (const stream of [this.#bash.stdout, this.#bash.stderr]) {
      stream.on('data', (chunk: Buffer) => (this.#output += chunk.toString()));
    }
    // In the background it has to be the process itself, so that its pid is the one to end.
    this.#bash.stdin.write(`JOB_REAPER='${process.execPath} ${cli}'\n`);
    this.#bash.stdin.write(`job-reaper() { $JOB_REAPER "$@" < /dev/null; }\nset -e\n`);
  }

  /**
   * Runs commands, and returns what they print.
   *
   * @throws when one of them fails
   */
  async run(commands: string): Promise<string> {
    this.#output = '';
    this.#bash.stdin.write(`${commands}\necho ${END}\n`);
    while (!this.#output.includes(END)) {
      if (this.#bash.exitCode !== null)
        throw new Error(`Expected "${commands}" to succeed, got:\n${this.#output}`);
      await setTimeout(20);
    }
    return this.#output.replace(END, '');
  }

  /** Ends the shell, and what it has started in the background, even if a command has failed and ended the shell. */
  async end(): Promise<void> {
    this.#bash.stdin.end();
    this.#signal('SIGTERM');
    const deadline = Date.now() + END_LIMIT_MS;
    while (this.#signal(Date.now() < deadline ? 0 : 'SIGKILL')) await setTimeout(200);
  }

  /** Signals the whole group. False if nobody is left of it. */
  #signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-(this.#bash.pid ?? NaN), signal);
    } catch {
      return false;
    }
  }
}
