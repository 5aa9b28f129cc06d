import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { packageRoot } from '../../src/paths.js';

const END = '__the_end_of_a_block__';

/** A terminal as a reader of the docs has it open: a shell that keeps its variables, with `job-reaper` on its path. */
export class Shell {
  readonly #bash: ChildProcessWithoutNullStreams;
  #output = '';

  constructor(env: Record<string, string>) {
    const cli = join(packageRoot, 'dist', 'src', 'cli.js');
    const { PATH, HOME, TMPDIR } = process.env;
    this.#bash = spawn('bash', ['--norc', '-s'], { cwd: packageRoot, env: { PATH, HOME, TMPDIR, ...env } });
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
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return this.#output.replace(END, '');
  }

  /** Ends the shell; what it started in the background is the caller's to end. */
  async end(): Promise<void> {
    if (this.#bash.exitCode !== null) return;
    const closed = once(this.#bash, 'close');
    this.#bash.stdin.end();
    await closed;
  }
}
