import { printParseErrorCode, visit } from 'jsonc-parser';
import { shown } from '../domain/wording.js';

/** A JSON text that cannot be parsed. The message starts with line and column, both counted from 1. */
export class JsonTextError extends Error {
  override name = 'JsonTextError';
}

/** The library recurses once per level: much deeper nesting would overflow the stack. */
const MAX_LEVELS = 100;

/** What was expected where the library found a mistake, by the library's name for the mistake. */
const EXPECTED: Readonly<Record<string, string>> = {
  InvalidSymbol: 'true, false, null, a number or a text in double quotes',
  UnexpectedEndOfNumber: 'a number',
  PropertyNameExpected: 'a name in double quotes',
  ValueExpected: 'a value',
  ColonExpected: '":" after the name',
  CommaExpected: '"," after the value',
  CloseBraceExpected: '"," or "}" after the value',
  CloseBracketExpected: '"," or "]" after the value',
  EndOfFileExpected: 'the end',
  InvalidCommentToken: 'no comment',
  UnexpectedEndOfString: 'a double quote at the end of the text, on the same line',
  InvalidUnicode: 'four hexadecimal digits after each \\u',
  InvalidEscapeCharacter: 'only \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u after a backslash',
  InvalidCharacter: 'control characters to be escaped, such as \\t',
};

type Place = [offset: number, length: number, line: number, character: number, ...rest: unknown[]];

/**
 * Reads what `JSON.parse` reads. On every runtime it says where a mistake is. It rejects a duplicate name, where
 * `JSON.parse` silently drops the first value.
 *
 * @throws JsonTextError for the first mistake
 */
export function parseJsonText(text: string): unknown {
  // Some editors write a byte order mark.
  const json = text.replace(/^\uFEFF/, '');
  /** The names so far in each open object or array. */
  const open: Set<string>[] = [];
  const enter = (...place: Place) => {
    if (open.push(new Set()) > MAX_LEVELS) fail(`at most ${MAX_LEVELS} levels`, place);
  };
  const leave = () => void open.pop();
  visit(
    json,
    {
      onError: (code, ...place) => fail(EXPECTED[printParseErrorCode(code)] ?? 'JSON', place),
      onObjectBegin: enter,
      onObjectProperty: (name, ...place) => {
        const names = open.at(-1);
        if (names?.has(name)) fail(`each name once (${shown(name)} was there before)`, place);
        names?.add(name);
      },
      onObjectEnd: leave,
      onArrayBegin: enter,
      onArrayEnd: leave,
    },
    { disallowComments: true },
  );
  return JSON.parse(json);

  function fail(expected: string, [offset, length, line, character]: Place): never {
    const got = length === 0 ? 'the end of the file' : shown(json.slice(offset, offset + length));
    throw new JsonTextError(`line ${line + 1}, column ${character + 1}: expected ${expected}, got ${got}`);
  }
}
