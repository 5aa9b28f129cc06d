import { expect, it } from 'vitest';
import { startingOver, uncoveredMs } from './facts/spans.js';

const span = (fromMs: number, untilMs: number) => ({ fromMs, untilMs });

it.each([
  ['nothing', [], 100],
  ['one in the middle', [span(120, 150)], 70],
  ['two that overlap', [span(120, 150), span(130, 160)], 60],
  ['one within another', [span(110, 190), span(120, 130)], 20],
  ['what begins before and ends after', [span(0, 110), span(190, Infinity)], 80],
  ['all of it', [span(0, Infinity)], 0],
  ['what is elsewhere', [span(0, 100), span(200, 300)], 100],
])('of a time covered by %s', (_, others, left) => {
  expect(uncoveredMs(span(100, 200), others)).toBe(left);
});

it('a time after which everything starts over is longer by that', () => {
  expect(startingOver(span(100, 200), 3)).toEqual(span(100, 3_200));
});
