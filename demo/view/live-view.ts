import { colors } from '../../src/cli/colors.js';
import { jobName, type Audience } from '../world/board.js';
import type { JobState, Snapshot } from '../world/read-snapshot.js';

const COLUMNS = { job: 22, agent: 9, status: 8, try: 3, pid: 8, exit: 4, stage: 11 };
type Column = keyof typeof COLUMNS;
type Cells = Partial<Record<Column | 'latest', string>>;
/** A narrower terminal leaves these out, so that what happened last can be read. */
const WIDE = 120;
const ONLY_WIDE: readonly Column[] = ['agent', 'pid', 'exit'];
const HEAD: Cells = {
  job: 'JOB',
  agent: 'AGENT',
  status: 'STATUS',
  try: 'TRY',
  pid: 'PID',
  exit: 'EXIT',
  stage: 'STAGE',
  latest: 'WHAT HAPPENED LAST',
};
const PAINT = { queued: colors.yellow, running: colors.cyan, done: colors.green, failed: colors.red };

/** Shows what happens: on a terminal as a table that is updated in place, elsewhere as a line per event. */
export class LiveView implements Audience {
  readonly #startedMs = Date.now();
  readonly #latest = new Map<string | null, string>();
  #drawn = 0;

  /** @param isTerminal whether `out` is a terminal that can move its cursor */
  constructor(
    readonly out: NodeJS.WriteStream = process.stdout,
    readonly isTerminal: boolean = process.stdout.isTTY,
  ) {}

  note(job: string | null, text: string): void {
    this.#latest.set(job, `${this.#clock()} ${text}`);
    if (!this.isTerminal) this.out.write(`${this.#clock()} ${job ?? 'demo'}: ${text}\n`);
  }

  look(snapshot: Snapshot): void {
    if (!this.isTerminal) return;
    // A terminal without a size reports 0.
    const columns = this.out.columns || 80;
    const rows = this.out.rows || 24;
    const lines = [
      colors.bold(row(HEAD, columns).slice(0, columns - 1)),
      ...snapshot.jobs.map((job) => this.#line(job, columns)),
      `${snapshot.sweeps} sweeps, ${snapshot.claims.length} reaped. ${this.#latest.get(null) ?? ''}`.slice(
        0,
        columns - 1,
      ),
    ].slice(0, rows - 1);
    this.clear();
    this.out.write(`${lines.join('\n')}\n`);
    this.#drawn = lines.length;
  }

  /** Erases the table, so that something else can be printed. */
  clear(): void {
    if (this.#drawn > 0) this.out.write(`\u001b[${this.#drawn}A\u001b[0J`);
    this.#drawn = 0;
  }

  #line(job: JobState, columns: number): string {
    const { agent, status, attempts, pid, exitCode, stage } = job;
    const name = jobName(job);
    const cells = {
      job: name,
      agent,
      status,
      try: String(attempts),
      pid: String(pid ?? ''),
      exit: String(exitCode ?? ''),
      stage: stage ?? '',
      latest: this.#latest.get(name) ?? '',
    };
    // Cut before it is colored. A line that wraps would be only partly erased.
    return row(cells, columns)
      .slice(0, columns - 1)
      .replace(` ${status} `, ` ${PAINT[status](status)} `);
  }

  #clock(): string {
    return `[${((Date.now() - this.#startedMs) / 1000).toFixed(1).padStart(5)} s]`;
  }
}

function row({ latest = '', ...cells }: Cells, columns: number): string {
  const shown = (Object.keys(COLUMNS) as Column[]).filter(
    (column) => columns >= WIDE || !ONLY_WIDE.includes(column),
  );
  const padded = shown.map((column) =>
    (cells[column] ?? '').slice(0, COLUMNS[column]).padEnd(COLUMNS[column]),
  );
  return [...padded, latest].join(' ');
}
