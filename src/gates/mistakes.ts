import type { z } from 'zod';

/** One mistake and its place, as a path from the top of the file. */
export interface Mistake {
  path: readonly PropertyKey[];
  message: string;
}

/** Thrown with all mistakes of a pipeline file at once. */
export class PipelineError extends Error {
  override name = 'PipelineError';

  constructor(
    file: string,
    /** Each with its place, e.g. `stages[2].next: expected the name of a stage, got "tets"; did you mean "test"?` */
    readonly mistakes: string[],
  ) {
    const count = mistakes.length === 1 ? 'a mistake' : `${mistakes.length} mistakes`;
    super(`The pipeline file ${file} has ${count}:\n  ${mistakes.join('\n  ')}`);
  }
}

/** `stages[2].next: what is wrong` */
export function formatMistake({ path, message }: Mistake): string {
  return path.length === 0 ? message : `${formatPath(path)}: ${message}`;
}

/** Formats the mistakes that a schema found. */
export function formatIssues({ issues }: z.ZodError): string[] {
  return issues.map(formatMistake);
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((key) => {
      if (typeof key === 'number') return `[${key}]`;
      return /^\w+$/.test(String(key)) ? `.${String(key)}` : `[${JSON.stringify(String(key))}]`;
    })
    .join('')
    .replace(/^\./, '');
}
