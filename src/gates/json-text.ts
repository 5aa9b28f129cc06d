import { shown } from './wording.js';

/** A JSON text that cannot be read; the message starts with line and column, both counted from 1. */
export class JsonTextError extends Error {
  override name = 'JsonTextError';
}

const DEEPEST = 100;
const BLANKS = /[ \t\n\r]*/y;
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const WORD = /[\w.+-]+|[^]/uy;

/**
 * Reads what `JSON.parse` reads. On every runtime it says where a mistake is, and it refuses a name given twice, of
 * which `JSON.parse` silently drops the first.
 *
 * @throws JsonTextError
 */
export function parseJsonText(text: string): unknown {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at: number;

  constructor(text: string) {
    this.#text = text;
    // A byte order mark, as some editors write it.
    this.#at = text.startsWith('\uFEFF') ? 1 : 0;
    this.#take(BLANKS);
  }

  value(depth: number): unknown {
    if (depth > DEEPEST) this.#fail(`at most ${DEEPEST} levels`);
    if (this.#sign('{')) return this.#object(depth);
    if (this.#sign('[')) return this.#array(depth);
    const scalar = this.#token(STRING) ?? this.#token(SCALAR);
    return scalar === undefined ? this.#fail('a value') : JSON.parse(scalar);
  }

  end(): void {
    if (this.#at < this.#text.length) this.#fail('the end');
  }

  #object(depth: number): unknown {
    const entries = new Map<string, unknown>();
    if (this.#sign('}')) return {};
    do {
      const start = this.#at;
      const key = this.#token(STRING) ?? this.#fail('a name in double quotes');
      const name = JSON.parse(key) as string;
      if (entries.has(name)) this.#fail(`each name once (${key} was there before)`, start);
      if (!this.#sign(':')) this.#fail('":" after the name');
      entries.set(name, this.value(depth + 1));
    } while (this.#sign(','));
    if (!this.#sign('}')) this.#fail('"," or "}" after the value');
    return Object.fromEntries(entries);
  }

  #array(depth: number): unknown {
    const values: unknown[] = [];
    if (this.#sign(']')) return values;
    do values.push(this.value(depth + 1));
    while (this.#sign(','));
    if (!this.#sign(']')) this.#fail('"," or "]" after the value');
    return values;
  }

  #sign(sign: string): boolean {
    if (this.#text[this.#at] !== sign) return false;
    this.#at += 1;
    this.#take(BLANKS);
    return true;
  }

  #token(pattern: RegExp): string | undefined {
    const token = this.#take(pattern);
    if (token !== undefined) this.#take(BLANKS);
    return token;
  }

  #take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #fail(expected: string, at = this.#at): never {
    const before = this.#text.slice(0, at).split('\n');
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    WORD.lastIndex = at;
    const got = WORD.exec(this.#text)?.[0];
    throw new JsonTextError(
      `${place}: expected ${expected}, got ${got === undefined ? 'the end of the file' : shown(got)}`,
    );
  }
}
