/** One instruction of a Dockerfile. */
export interface Instruction {
  name: string;
  rest: string;
}

/** A build stage: the instructions after a FROM. */
export interface Stage {
  /** Its name, or its number. */
  name: string;
  instructions: Instruction[];
}

/**
 * Reads a simple Dockerfile, with one instruction per line.
 *
 * @throws for a line that it cannot read
 */
export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  for (const line of text.split('\n').filter((each) => each.trim() !== '' && !each.startsWith('#'))) {
    const [, name, rest] = /^([A-Z]+) (.*[^\\])$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) {
      throw new Error(`Expected one instruction per line in Dockerfile, got "${line}"`);
    }
    if (name === 'FROM') {
      stages.push({ name: / AS (\S+)$/.exec(rest)?.[1] ?? String(stages.length), instructions: [] });
    } else {
      stages.at(-1)?.instructions.push({ name, rest });
    }
  }
  return stages;
}

/**
 * Reads a .dockerignore whose patterns are names in the context's root, in which `*` matches anything.
 *
 * @returns whether a name in the root is left out
 * @throws for other patterns
 */
export function parseDockerignore(text: string): (name: string) => boolean {
  const patterns = text.split('\n').filter((line) => line !== '');
  const expressions = patterns.map((pattern) => {
    if (!/^[\w.*-]+$/.test(pattern)) {
      throw new Error(`Expected names without a slash in .dockerignore, got "${pattern}"`);
    }
    return new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`);
  });
  return (name) => expressions.some((expression) => expression.test(name));
}
