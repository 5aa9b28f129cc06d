import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonTextError, parseJsonText } from '../../src/gates/json-text.js';

describe('a text that is JSON', () => {
  it('is read as JSON.parse reads it', () => {
    const indent = fc.constantFrom(undefined, 0, 2, '\t');
    fc.assert(
      fc.property(fc.jsonValue(), indent, (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(parseJsonText(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    '"\\u00e9\\n\\"\\\\"',
    ' [ ] ',
    '{ }',
    '-1.5e+3',
    '"é😀"',
    '{"__proto__": {"a": 1}}',
    '\r\n{"a":\t[1 , 2]}\n',
  ])('is read: %s', (text) => {
    expect(parseJsonText(text)).toEqual(JSON.parse(text));
    expect(Object.keys(Object(parseJsonText(text)) as object)).toEqual(
      Object.keys(Object(JSON.parse(text)) as object),
    );
  });

  it('may start with a byte order mark', () => {
    expect(parseJsonText('\uFEFF{}')).toEqual({});
  });
});

describe('a text that is not JSON', () => {
  it('is rejected where JSON.parse rejects it', () => {
    const token = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '1',
      '01',
      '-',
      'true',
      'nul',
      ' ',
      '\n',
      '\u0001',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 7 }), (tokens) => {
        const text = tokens.join('');
        let value: unknown;
        try {
          value = JSON.parse(text);
        } catch {
          expect(() => parseJsonText(text)).toThrow(JsonTextError);
          return;
        }
        try {
          expect(parseJsonText(text)).toEqual(value);
        } catch (error) {
          expect(String(error)).toContain('each name once');
        }
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ['', 'line 1, column 1: expected a value, got the end of the file'],
    ['{"a": 1,\n  "b": tru\n}', 'line 2, column 8: expected true, false, null, a number or a text in'],
    ['{\n  "a": 1\n  "b": 2\n}', 'line 3, column 3: expected "," after the value, got "\\"b\\""'],
    ['[1, 2\n', 'line 2, column 1: expected "," or "]" after the value, got the end of the file'],
    ['{"a": 1,}', 'line 1, column 9: expected a name in double quotes, got "}"'],
    ["{'a': 1}", 'line 1, column 2: expected true, false, null, a number or a text in double quotes, got'],
    ['{"a" 1}', 'line 1, column 6: expected ":" after the name, got "1"'],
    ['{} {}', 'line 1, column 4: expected the end, got "{"'],
    ['{} // why', 'line 1, column 4: expected no comment, got "// why"'],
    ['["\\x"]', 'line 1, column 2: expected only \\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u after a backslash'],
    ['["a\n"]', 'line 1, column 2: expected a double quote at the end of the text, on the same line'],
    ['{"a": 1, "a": 2}', 'line 1, column 10: expected each name once ("a" was there before), got "\\"a\\""'],
    ['['.repeat(10_000), 'line 1, column 101: expected at most 100 levels, got "["'],
    ['{"a":'.repeat(10_000), 'line 1, column 501: expected at most 100 levels, got "{"'],
  ])('%s', (text, message) => {
    expect(() => parseJsonText(text)).toThrow(message);
  });
});
