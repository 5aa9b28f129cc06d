import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OutputTail } from '../../src/gates/output-tail.js';

it('keeps the last characters, wherever the chunks are cut', () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  fc.assert(
    fc.property(
      text,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 7 }),
      (written, kept, size) => {
        const tail = new OutputTail(kept);
        const bytes = Buffer.from(written);
        for (let at = 0; at < bytes.length; at += size) tail.push(bytes.subarray(at, at + size));
        expect(tail.text()).toBe(Array.from(written).slice(-kept).join(''));
      },
    ),
  );
});

it('does not hold on to large chunks', () => {
  const tail = new OutputTail(10);
  for (let i = 0; i < 100; i += 1) tail.push(Buffer.alloc(1_000_000, 'x'));
  expect(tail.text()).toBe('x'.repeat(10));
});
