import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';

/** Reads a file of lines that grows, each line once and only when it is complete. */
export class Tail {
  #offset = 0;
  #rest = '';

  constructor(readonly path: string) {}

  readNew(): string[] {
    if (!existsSync(this.path)) return [];
    const file = openSync(this.path, 'r');
    try {
      const buffer = Buffer.alloc(fstatSync(file).size - this.#offset);
      this.#offset += readSync(file, buffer, 0, buffer.length, this.#offset);
      const lines = (this.#rest + buffer.toString('utf8')).split('\n');
      this.#rest = lines.pop() ?? '';
      return lines;
    } finally {
      closeSync(file);
    }
  }
}

/** Lines that are JSON; others, such as a warning of Node's, are left out. */
export function jsonLines<T>(lines: readonly string[]): T[] {
  return lines.flatMap((line) => {
    try {
      return [JSON.parse(line) as T];
    } catch {
      return [];
    }
  });
}
