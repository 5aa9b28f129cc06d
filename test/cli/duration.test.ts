import { describe, expect, test } from 'vitest';
import { parseDuration } from '../../src/cli/duration.js';
import { formatDuration } from '../../src/domain/duration.js';

describe('parseDuration', () => {
  test.each([
    ['90s', 90],
    ['30m', 1800],
    ['1h', 3600],
    ['1h30m', 5400],
    ['2d', 172_800],
    ['1d2h3m4s', 93_784],
    ['365d', 31_536_000],
  ])('%s', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds);
  });

  test.each(['', '0s', '90', '1.5h', '-1h', '1m1h', '1h ', '366d', 'ever', '99999999999999999999d'])(
    'rejects "%s"',
    (text) => {
      expect(() => parseDuration(text)).toThrow('Expected a duration');
    },
  );
});

describe('formatDuration', () => {
  test.each([
    [0, '0s'],
    [-3, '0s'],
    [59.4, '59s'],
    [60, '1m'],
    [90, '1m30s'],
    [93_784, '1d2h'],
    [86_460, '1d1m'],
  ])('%d', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});
