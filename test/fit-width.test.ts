import { describe, expect, it } from 'vitest';
import { fitWidth } from '../src/fit-width.js';

const TEXT = 'a sentence of many words that no terminal of forty columns can show on one line';

function widest(text: string): number {
  return Math.max(...text.split('\n').map((line) => line.length));
}

describe('fitWidth', () => {
  it('wraps between words and loses none', () => {
    const fitted = fitWidth(TEXT, 40);
    expect(widest(fitted)).toBeLessThanOrEqual(40);
    expect(fitted.replaceAll('\n', ' ')).toBe(TEXT);
  });

  it('leaves everything as it is without a terminal, and what fits on one', () => {
    expect(fitWidth(TEXT, undefined)).toBe(TEXT);
    expect(fitWidth(TEXT, 0)).toBe(TEXT);
    expect(fitWidth('  two  spaces\n\n  more', 40)).toBe('  two  spaces\n\n  more');
  });

  it('indents like the line, and by the hang', () => {
    const lines = fitWidth(`  ${TEXT}`, 40, 3).split('\n');
    expect(lines.map((line) => line.search(/\S/))).toEqual([2, 5, 5]);
    expect(widest(lines.join('\n'))).toBeLessThanOrEqual(40);
  });

  it('keeps a long word whole, so that it can be copied', () => {
    const id = 'x'.repeat(60);
    expect(fitWidth(`job ${id} was reaped`, 40).split('\n')).toContain(id);
  });

  it('does not count colors', () => {
    const colored = `\u001b[1m${'word '.repeat(7)}\u001b[22mend`;
    expect(fitWidth(colored, 40)).toBe(colored);
  });
});
