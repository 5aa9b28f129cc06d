import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import { renderTable } from '../../src/cli/table.js';

const LONG = 'a reason of many words that goes on and on until no terminal can hold it on one line any more';

function lines(width: number | undefined, rows: (string | null)[][]): string[] {
  return stripVTControlCharacters(renderTable(['job', 'reason'], rows, width)).split('\n');
}

describe('renderTable', () => {
  test('fits the terminal and loses no word', () => {
    const table = lines(60, [['4711', LONG]]);
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(60);
    for (const word of LONG.split(' ')) expect(table.join('\n')).toContain(word);
  });

  test('breaks a word that is longer than its column', () => {
    const table = lines(40, [['x'.repeat(100), 'short']]);
    expect(Math.max(...table.map((line) => line.length))).toBeLessThanOrEqual(40);
    expect(table.join('').split('x')).toHaveLength(101);
  });

  test('keeps a row on one line where there is no terminal', () => {
    expect(lines(undefined, [['4711', LONG]]).filter((line) => line.includes('4711'))).toEqual([
      expect.stringContaining(LONG),
    ]);
  });

  test('shows what is not there as a dash', () => {
    expect(lines(undefined, [['4711', null]]).join('\n')).toMatch(/4711 .* - /);
  });
});
