import { z } from 'zod';
import { didYouMean } from '../domain/did-you-mean.js';
import { oneOf, shown } from '../domain/wording.js';
import { hasPlaceholder, placeholderMistakes } from './placeholders.js';

/** A gate's timeout in seconds, unless it has its own. */
export const DEFAULT_TIMEOUT_S = 30;
/** The maximum timeout of a gate, in seconds. */
export const MAX_TIMEOUT_S = 300;

/** A schema's error message for anything that is not `what`. */
export function expected(what: string): { error: (issue: { input?: unknown }) => string } {
  return { error: ({ input }) => `expected ${what}, got ${shown(input)}` };
}

/** An object with only the parameters of `shape`; the message for an unknown one helps to find a typo. */
export function strict<S extends z.ZodRawShape>(what: string, shape: S) {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return `expected ${what}, got ${shown(issue.input)}`;
      const names = Object.keys(shape);
      return issue.keys
        .map((key) => `expected ${oneOf(names)}, got the unknown name "${key}"${didYouMean(key, names)}`)
        .join('; ');
    },
  });
}

/** Text without NULs, which neither a process nor Postgres accepts. */
export function text(what: string, minCharacters = 1) {
  const options = expected(what);
  return z
    .string(options)
    .min(minCharacters, options)
    .regex(/^[^\0]*$/, options);
}

/** Text that may contain placeholders, but only known ones. */
function template(what: string, minCharacters = 1) {
  return text(what, minCharacters).check(({ value, issues }) => {
    for (const message of placeholderMistakes(value)) issues.push({ code: 'custom', input: value, message });
  });
}

/** Text without placeholders. */
function literal(what: string, instead: string, minCharacters = 1) {
  return text(what, minCharacters).refine((value) => !hasPlaceholder(value), {
    error: ({ input }) => `expected ${what} without placeholders, got ${shown(input)}: ${instead}`,
  });
}

function path(what: string) {
  return template(what).refine((value) => !value.split('/').includes('..'), {
    error: ({ input }) => `expected ${what} without "..", got ${shown(input)}: name the folder itself`,
  });
}

const timeout_s = z
  .number(expected('a number of seconds'))
  .positive(expected('more than 0 seconds'))
  .max(MAX_TIMEOUT_S, expected(`at most ${MAX_TIMEOUT_S} seconds`))
  .optional();

const A_PATH_IN_GIT = 'a path inside the repository such as "docs/{work_item}.md"';
const A_NAME = /^(?!GATE_)[A-Za-z_]\w*$/;

/**
 * `{ "kind": "git", "repository": "/srv/repos/{repo}.git", "path": "docs/{work_item}.md" }`: green when the path
 * exists on the job's branch.
 */
const git = strict('a git gate', {
  kind: z.literal('git'),
  /** Folder of a bare repository or of a checkout; a relative path starts at the worker's working folder. */
  repository: path('the folder of a repository such as "/srv/repos/{repo}.git"'),
  /** A file or a folder, relative to the top of the repository. */
  path: path(A_PATH_IN_GIT).refine(
    (value) => !value.split('/').some((segment) => segment === '' || segment === '.'),
    {
      error: ({ input }) => `expected ${A_PATH_IN_GIT}, got ${shown(input)}`,
    },
  ),
  /** Seconds. */
  timeout_s,
});

/**
 * `{ "kind": "sql", "query": "select merged from work_item where id = $1", "params": ["{work_item}"] }`: green when
 * the first column of the first row is true. The query is one `select` (or `values`, or `with`) without writes.
 *
 * The transaction is READ ONLY and rolled back, and its connection is closed. That stops every write to tables and
 * sequences, `set_config`, `pg_notify` and advisory locks from lasting. It does not stop functions that act outside the
 * transaction, if the role may call them: `pg_terminate_backend` and `pg_cancel_backend`, `lo_export`, `pg_read_file`, or
 * extensions that open their own connections (`dblink`). So give REAPER_GATE_DATABASE_URL a role that can read what the
 * gates need, and nothing else.
 */
const sql = strict('an sql gate', {
  kind: z.literal('sql'),
  query: literal('a query', 'write $1 in the query and the placeholder into params'),
  /** Values of $1, $2, ...; texts may contain placeholders. */
  params: z
    .array(
      z.union([template('a text', 0), z.number(), z.boolean(), z.null()], {
        error: ({ input }) =>
          typeof input === 'string'
            ? [
                ...placeholderMistakes(input),
                `expected a text with known placeholders, got ${shown(input)}`,
              ][0]
            : `expected a text, number, boolean or null, got ${shown(input)}`,
      }),
      expected('a list of values'),
    )
    .optional(),
  /** Seconds. */
  timeout_s,
});

/**
 * `{ "kind": "command", "argv": ["check-docs", "--branch={branch}"], "cwd": "/srv", "env": { "STRICT": "1" } }`: green
 * when the command exits with 0. It runs without a shell. Its environment has only PATH, LANG, what `env` adds, and
 * GATE_JOB, GATE_STAGE, GATE_REPO, GATE_BRANCH and GATE_WORK_ITEM (empty if the job has none).
 */
const command = strict('a command gate', {
  kind: z.literal('command'),
  /** The program and its arguments. A job never chooses the program. */
  argv: z.tuple([literal('a program', 'put them into the arguments after it')], template('a text', 0), {
    error: ({ input }) =>
      `expected a program and its arguments such as ["check-docs", "{work_item}"], got ${shown(input)}`,
  }),
  /** Working folder; defaults to the worker's. */
  cwd: path('a folder').optional(),
  env: z
    .record(
      z.string().regex(A_NAME),
      literal('a text', 'the command finds the job in GATE_JOB, GATE_STAGE, GATE_REPO and so on', 0),
      {
        error: (issue) =>
          issue.code === 'invalid_key'
            ? `expected a name of A-Z a-z 0-9 _ that does not start with GATE_, got ${shown(issue.input)}`
            : `expected names with their values, got ${shown(issue.input)}`,
      },
    )
    .optional(),
  /** Seconds. */
  timeout_s,
});

/** `{ "kind": "function", "name": "docs-approved" }`: asks a function registered in code. */
const registered = strict('a function gate', {
  kind: z.literal('function'),
  name: text('the name of a registered function'),
  /** Seconds. */
  timeout_s,
});

const KINDS = [git, sql, command, registered] as const;
const NAMES = KINDS.map(({ shape }) => shape.kind.value);

/** All kinds of gates with their parameters. */
export const gateSchema = z.discriminatedUnion('kind', KINDS, {
  error: ({ input }) => {
    const kind = (input as { kind?: unknown } | null | undefined)?.kind;
    if (typeof input !== 'object' || input === null)
      return `expected a gate with its kind, got ${shown(input)}`;
    return `expected ${oneOf(NAMES)}, got ${shown(kind)}${typeof kind === 'string' ? didYouMean(kind, NAMES) : ''}`;
  },
});

/** A gate with valid parameters. */
export type AnyGateSpec = z.infer<typeof gateSchema>;
/** A gate of one kind. */
export type SpecOf<Kind extends AnyGateSpec['kind']> = Extract<AnyGateSpec, { kind: Kind }>;
